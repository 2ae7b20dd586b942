//! The machine on which something was measured.
//!
//! In: `/proc/cpuinfo`, `/proc/meminfo` and the compiler's version. Out: [`Machine`].
//! Always holds: what cannot be found out reads "unknown"; nothing here fails.

use std::process::Command;

/// What a figure has to be read beside.
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Vector units that matter here, widest last.
    pub vectors: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// Memory in GiB.
    pub memory: String,
    /// The Rust compiler.
    pub rustc: String,
}

impl Machine {
    /// This machine.
    pub fn here() -> Machine {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let flags = field(&cpuinfo, "flags").unwrap_or_default();
        let has = |name: &&str| flags.split_whitespace().any(|flag| flag == *name);
        let vectors: Vec<&str> = ["sse4_2", "avx", "avx2", "fma", "avx512f"].into_iter().filter(has).collect();
        Machine {
            cpu: field(&cpuinfo, "model name").unwrap_or_else(unknown),
            vectors: if vectors.is_empty() { unknown() } else { vectors.join(" ") },
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: memory(&meminfo).unwrap_or_else(unknown),
            rustc: rustc().unwrap_or_else(unknown),
        }
    }

    /// One line for people.
    pub fn sentence(&self) -> String {
        format!("{} ({}), {} cores, {}, {}", self.cpu, self.vectors, self.cores, self.memory, self.rustc)
    }
}

fn unknown() -> String {
    "unknown".to_string()
}

/// The first value of a `key : value` line.
fn field(text: &str, key: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_string())
}

fn memory(meminfo: &str) -> Option<String> {
    let kib: f64 = field(meminfo, "MemTotal")?.split_whitespace().next()?.parse().ok()?;
    Some(format!("{:.0} GiB", kib / 1048576.0))
}

fn rustc() -> Option<String> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}
