//! The processor that code is compiled for.
//!
//! In: nothing for code in memory; the name of a target for an object file. Out: [`Target`], Cranelift's description of it.
//! Always holds: what code of a target needs of a processor is in [`Target::features`].

use super::CodegenError;
use cranelift_codegen::isa::{self, Builder, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use std::sync::OnceLock;
use target_lexicon::{ParseError, Triple};

/// Which processors an object file is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cpu {
    /// Those of about 2010 and later: x86-64-v2, or any of aarch64.
    #[default]
    Baseline,
    /// Those that can do what this machine can.
    Native,
}

/// A processor and an operating system.
#[derive(Clone)]
pub struct Target {
    /// For loop nests, which we hoist and merge ourselves; see docs/decisions.md.
    plain: OwnedTargetIsa,
    /// For scalar loops, with Cranelift's optimiser.
    speed: OwnedTargetIsa,
}

/// The names of Cranelift's flags, and of the features that they stand for.
const FEATURES: &[(&str, &str)] = &[
    ("has_sse3", "sse3"),
    ("has_ssse3", "ssse3"),
    ("has_cmpxchg16b", "cmpxchg16b"),
    ("has_sse41", "sse4.1"),
    ("has_sse42", "sse4.2"),
    ("has_popcnt", "popcnt"),
    ("has_avx", "avx"),
    ("has_avx2", "avx2"),
    ("has_fma", "fma"),
    ("has_bmi1", "bmi1"),
    ("has_bmi2", "bmi2"),
    ("has_lzcnt", "lzcnt"),
    ("has_avx_vnni", "avxvnni"),
    ("has_avx512vnni", "avx512vnni"),
    ("has_avx512bitalg", "avx512bitalg"),
    ("has_avx512dq", "avx512dq"),
    ("has_avx512f", "avx512f"),
    ("has_avx512vl", "avx512vl"),
    ("has_avx512vbmi", "avx512vbmi"),
    ("has_lse", "lse"),
    ("has_pauth", "paca"),
    ("has_fp16", "fp16"),
    ("has_dotprod", "dotprod"),
    ("has_i8mm", "i8mm"),
];

/// What every x86-64 processor of the last years has: the level x86-64-v2.
const BASELINE: &[&str] = &["has_sse3", "has_ssse3", "has_cmpxchg16b", "has_sse41", "has_sse42", "has_popcnt"];

impl Target {
    /// This machine, for code in memory.
    pub(super) fn here() -> Result<&'static Target, CodegenError> {
        static HERE: OnceLock<Result<Target, CodegenError>> = OnceLock::new();
        let make = || Target::of(&|| cranelift_native::builder().map_err(CodegenError::new), false);
        HERE.get_or_init(make).as_ref().map_err(Clone::clone)
    }

    /// A target for an object file: `x86_64-unknown-linux-gnu`, say; without a name this machine's.
    ///
    /// # Errors
    /// When there is no such target, or none that code can be made for; when the processor of this machine is asked for, and
    /// the target's is another one.
    pub fn for_object(name: Option<&str>, cpu: Cpu) -> Result<Target, CodegenError> {
        Target::with_features(name, cpu, &[])
    }

    /// The same for processors that have some features beside those of `cpu`, by the names that rustc has for them; those that
    /// make no difference to code of ours may be among them.
    ///
    /// # Errors
    /// As for [`Target::for_object`].
    pub fn with_features(name: Option<&str>, cpu: Cpu, features: &[&str]) -> Result<Target, CodegenError> {
        let builder = || {
            let here = cranelift_native::builder_with_options(false).map_err(CodegenError::new)?;
            let architecture = here.triple().architecture;
            let mut builder = match name {
                Some(name) => named(name).map_err(|error| {
                    CodegenError::new(format_args!("there is no code for the target `{name}`: {error}"))
                })?,
                None => here,
            };
            match cpu {
                Cpu::Native if builder.triple().architecture != architecture => {
                    let target = builder.triple();
                    return Err(CodegenError::new(format_args!(
                        "the processor of this machine, {architecture}, is none of the target {target}"
                    )));
                }
                Cpu::Native => cranelift_native::infer_native_flags(&mut builder).map_err(CodegenError::new)?,
                Cpu::Baseline => baseline(&mut builder)?,
            }
            for (flag, _) in FEATURES.iter().filter(|(_, feature)| features.contains(feature)) {
                // The features of another architecture have no flag.
                let there_is = builder.iter().any(|setting| setting.name == *flag);
                if there_is {
                    builder.enable(flag).map_err(CodegenError::new)?;
                }
            }
            Ok(builder)
        };
        Target::of(&builder, true)
    }

    fn of(
        builder: &dyn Fn() -> Result<Builder, CodegenError>,
        position_independent: bool,
    ) -> Result<Target, CodegenError> {
        let isa = |level| {
            let flags = flags(level, position_independent)?;
            builder()?.finish(flags).map_err(CodegenError::new)
        };
        Ok(Target { plain: isa("none")?, speed: isa("speed")? })
    }

    /// Cranelift's description, with its optimiser for scalar loops.
    pub(super) fn isa(&self, optimised: bool) -> &OwnedTargetIsa {
        if optimised { &self.speed } else { &self.plain }
    }

    /// The name: architecture, vendor, system, environment.
    pub fn name(&self) -> String {
        self.plain.triple().to_string()
    }

    /// Whether it is this machine's.
    pub fn is_here(&self) -> bool {
        let here = cranelift_native::builder_with_options(false);
        let own = self.plain.triple();
        here.is_ok_and(|here| {
            let here = here.triple();
            here.architecture == own.architecture && here.operating_system == own.operating_system
        })
    }

    /// Whether its system is one of Apple's.
    pub fn is_apple(&self) -> bool {
        self.plain.triple().operating_system.is_like_darwin()
    }

    /// Whether its system is Windows.
    pub fn is_windows(&self) -> bool {
        self.plain.triple().operating_system.to_string() == "windows"
    }

    /// What code needs of the processor, by the names that the run-time library knows.
    pub fn features(&self) -> Vec<String> {
        FEATURES.iter().filter(|(flag, _)| has(&*self.plain, flag)).map(|(_, name)| (*name).to_owned()).collect()
    }
}

/// The target of that name, or why there is none.
fn named(name: &str) -> Result<Builder, String> {
    let triple: Triple = name.parse().map_err(|error: ParseError| error.to_string())?;
    isa::lookup(triple).map_err(|error| error.to_string())
}

fn baseline(builder: &mut Builder) -> Result<(), CodegenError> {
    if builder.triple().architecture.to_string() != "x86_64" {
        return Ok(());
    }
    BASELINE.iter().try_for_each(|flag| builder.enable(flag)).map_err(CodegenError::new)
}

fn flags(level: &str, position_independent: bool) -> Result<settings::Flags, CodegenError> {
    let mut flags = settings::builder();
    let choices = [
        ("opt_level", level),
        ("regalloc_algorithm", "backtracking"),
        ("use_colocated_libcalls", "false"),
        ("is_pic", if position_independent { "true" } else { "false" }),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("unwind_info", "false"),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
    ];
    for (name, value) in choices {
        flags.set(name, value).map_err(CodegenError::new)?;
    }
    Ok(settings::Flags::new(flags))
}

fn has(isa: &dyn TargetIsa, flag: &str) -> bool {
    isa.isa_flags().iter().any(|value| value.name == flag && value.as_bool() == Some(true))
}

/// Whether the processor has all the vector instructions that loop nests use.
pub(super) fn has_vectors(isa: &dyn TargetIsa) -> bool {
    isa.name() == "aarch64" || has(isa, "has_sse42")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::runtime::native::program::missing;

    #[test]
    fn this_machine_has_what_its_own_code_needs() {
        for cpu in [Cpu::Baseline, Cpu::Native] {
            let features = Target::for_object(None, cpu).unwrap().features();
            assert_eq!(missing(&features), [""; 0], "{cpu:?}");
        }
    }

    #[test]
    fn a_target_that_does_not_exist_is_an_error() {
        for name in ["pdp11-dec-unix", "", "x86_64", "s390x-unknown-linux-gnu", "wasm32-unknown-unknown"] {
            let target = Target::for_object(Some(name), Cpu::Baseline);
            assert_eq!(target.is_ok(), name == "x86_64", "{name}");
        }
    }
}
