//! The C header of what was built.
//!
//! In: interfaces. Out: a header for C99 and C++.
//! Always holds: the header explains itself, so that it can be used without the manual.

use super::{Interface, c_type};
use crate::runtime::message::Cause;
use crate::runtime::native::{Parameter, Program};
use std::fmt::Write;

/// The names of statuses in C.
pub(super) const STATUSES: &[(&str, Cause, &str)] = &[
    ("ARGUMENTS", Cause::Arguments, "a null or misaligned pointer, a negative size, strides or memory that cannot be"),
    ("SIZES", Cause::Sizes, "two sizes that must agree do not"),
    ("UNBOUND_SIZE", Cause::UnboundSize, "a size that is no value of its formula"),
    ("INDEX", Cause::Index, "an index is outside its axis"),
    ("DIVISION", Cause::Division, "an integer was divided by zero"),
    ("ASSERTION", Cause::Assertion, "an assertion of the program failed"),
    ("MEMORY", Cause::Memory, "there is not enough memory"),
    ("INTERRUPTED", Cause::Interrupted, "the kernel was asked to stop"),
    ("PROCESSOR", Cause::Processor, "the code is for another processor"),
    ("INTERNAL", Cause::Internal, "a fault of the library's own"),
];

const RULES: &str =
    " * Every function returns a status: 0 (MICROTOME_OK), or why there is no result. If `error` is not null, it has
 * room for `error_size` bytes and receives a text that ends in a zero, cut off where it is too long: the place in
 * the program, the cause, the cure. What results hold after a failure is unspecified.
 *
 * Arrays    `x` is the element whose indexes are all 0, `x_shape` leads to the sizes of its axes, outermost first,
 *           `x_strides` to the distances between neighbours along each axis, counted in elements; they may be
 *           negative, and 0 in inputs. Null strides: the last axis is contiguous and nothing lies between (C order).
 *           Memory belongs to the caller throughout; nothing is kept. An array without elements may be null.
 * Scalars   are passed by value; a scalar result is written where its pointer leads.
 * Results   are written into arrays of the caller's, whose sizes the function `..._sizes` tells from those of the
 *           inputs (-1 for a size that only running tells; a null pointer for what is not wanted). They may share
 *           memory with inputs, not with each other.
 *           A result with a size that only running tells is given as `double **out, int64_t *out_shape`: its
 *           memory comes from the library and goes back by `..._free`. After a failure it is null.
 * Types     bool is uint8_t, 0 or 1; f16 and bf16 are uint16_t, their bits.
 * Threads   Functions may be called from several threads at once. Each call may use several threads itself.
";

/// The text of the header.
pub fn header(interfaces: &[Interface], prefix: &str, source: &str) -> String {
    let guard = format!("{}_H", prefix.to_uppercase());
    let mut text = String::new();
    let _ = write!(
        text,
        "/* Kernels of {source}, compiled by microtome {}. Generated: changes will be lost.\n *\n{RULES} */\n\
         #ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n#ifndef MICROTOME_OK\n#define MICROTOME_OK 0\n",
        env!("CARGO_PKG_VERSION"),
    );
    for (name, cause, meaning) in STATUSES {
        let _ = writeln!(text, "#define MICROTOME_{name} {} /* {meaning} */", cause.status());
    }
    text.push_str("#endif\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    for interface in interfaces {
        let _ = write!(text, "\n/* {}{} */\n", comment(&interface.head), found_note(&interface.program));
        let symbol = &interface.program.name;
        let _ = write!(
            text,
            "int32_t {symbol}(\n{}    char *error, int64_t error_size);\n",
            parameters(&interface.program)
        );
        let _ =
            write!(text, "\n/* The sizes of its results. */\nint32_t {symbol}_sizes(\n{}", sizes(&interface.program));
        text.push_str("    char *error, int64_t error_size);\n");
    }
    let _ = write!(
        text,
        "\n/* Gives back memory that a function of this header handed out; null is allowed. */\n\
         void {prefix}_free(void *memory);\n\n\
         /* From now on calls use at most so many threads, or with 0 as many as the machine runs at once (the default).\n\
         \x20* Results are the same to the last bit for every number of threads. */\n\
         void {prefix}_threads(int64_t count);\n\n\
         /* Asks what runs to stop, and lets nothing begin, until it is called with 0. Signal handlers may call it. */\n\
         void {prefix}_interrupt(int32_t on);\n\n\
         #ifdef __cplusplus\n}}\n#endif\n\n#endif\n"
    );
    text
}

/// What would end a comment does not stand in one.
fn comment(text: &str) -> String {
    text.replace("*/", "* /")
}

fn found_note(program: &Program) -> &'static str {
    match program.outputs.iter().any(|output| program.is_found(output)) {
        true => "\n * The size with a `?` is found out while running.",
        false => "",
    }
}

fn parameters(program: &Program) -> String {
    let mut text = String::new();
    for Parameter { name, dtype, shape, .. } in &program.inputs {
        let ty = c_type(*dtype);
        let _ = match shape.is_empty() {
            true => writeln!(text, "    {ty} {name},"),
            false => {
                writeln!(text, "    const {ty} *{name}, const int64_t *{name}_shape, const int64_t *{name}_strides,")
            }
        };
    }
    for parameter in &program.outputs {
        let (ty, name) = (c_type(parameter.dtype), &parameter.name);
        let _ = match (program.is_found(parameter), parameter.shape.is_empty()) {
            (true, _) => writeln!(text, "    {ty} **{name}, int64_t *{name}_shape,"),
            (false, true) => writeln!(text, "    {ty} *{name},"),
            (false, false) => {
                writeln!(text, "    {ty} *{name}, const int64_t *{name}_shape, const int64_t *{name}_strides,")
            }
        };
    }
    text
}

fn sizes(program: &Program) -> String {
    let mut text = String::new();
    let arrays = |parameters: &[Parameter], qualifier: &str, text: &mut String| {
        for parameter in parameters.iter().filter(|parameter| !parameter.shape.is_empty()) {
            let _ = writeln!(text, "    {qualifier}int64_t *{}_shape,", parameter.name);
        }
    };
    arrays(&program.inputs, "const ", &mut text);
    arrays(&program.outputs, "", &mut text);
    text
}
