//! Identifiers of C for names of the language.
//!
//! In: any name. Out: letters of ASCII, digits and underscores.
//! Always holds: the result is no keyword of C or C++, and begins with no digit; names that were different may become one, which
//! whoever collects them has to look for.

/// Keywords of C and C++ that the language does not have as keywords, and names that the header uses.
const TAKEN: &[&str] = &[
    "alignas",
    "alignof",
    "and",
    "and_eq",
    "asm",
    "auto",
    "bitand",
    "bitor",
    "bool",
    "break",
    "case",
    "catch",
    "char",
    "class",
    "compl",
    "concept",
    "const",
    "const_cast",
    "consteval",
    "constexpr",
    "constinit",
    "continue",
    "co_await",
    "co_return",
    "co_yield",
    "decltype",
    "default",
    "delete",
    "do",
    "double",
    "dynamic_cast",
    "else",
    "enum",
    "error",
    "error_size",
    "explicit",
    "export",
    "extern",
    "false",
    "float",
    "for",
    "friend",
    "goto",
    "if",
    "inline",
    "int",
    "int64_t",
    "long",
    "mutable",
    "namespace",
    "new",
    "noexcept",
    "not",
    "not_eq",
    "nullptr",
    "operator",
    "or",
    "or_eq",
    "private",
    "protected",
    "public",
    "register",
    "reinterpret_cast",
    "requires",
    "restrict",
    "return",
    "short",
    "signed",
    "sizeof",
    "static",
    "static_assert",
    "static_cast",
    "struct",
    "switch",
    "template",
    "this",
    "thread_local",
    "throw",
    "true",
    "try",
    "typedef",
    "typeid",
    "typename",
    "typeof",
    "uint16_t",
    "uint8_t",
    "union",
    "unsigned",
    "using",
    "virtual",
    "void",
    "volatile",
    "wchar_t",
    "while",
    "xor",
    "xor_eq",
];

/// The identifier for a name.
pub fn identifier(name: &str) -> String {
    let mut text = letters(name);
    if TAKEN.contains(&text.as_str()) {
        text.push('_');
    }
    text
}

/// The same, keywords too.
pub(super) fn letters(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => text.push(c),
            '.' | '-' | ' ' => text.push('_'),
            // Greek letters and the like, by their number.
            other => text.push_str(&format!("u{:04x}", u32::from(other))),
        }
    }
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) {
        text.insert(0, '_');
    }
    text
}

/// Identifiers for names, no two of them equal.
pub(super) fn distinct(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        let mut own = identifier(&name);
        // What is derived from a name must be its own, too.
        while all.iter().any(|other| clash(other, &own)) {
            own.push('_');
        }
        all.push(own);
    }
    all
}

fn clash(a: &str, b: &str) -> bool {
    let derived = |from: &str, other: &str| {
        ["", "_shape", "_strides"].iter().any(|end| other.strip_suffix(end).is_some_and(|stem| stem == from))
    };
    derived(a, b) || derived(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers() {
        let names =
            [("x", "x"), ("θ", "u03b8"), ("layers.0.w", "layers_0_w"), ("double", "double_"), ("2d", "_2d"), ("", "_")];
        for (name, expected) in names {
            assert_eq!(identifier(name), expected);
        }
    }

    #[test]
    fn no_two_are_equal_and_none_is_derived_from_another() {
        let names = ["x", "x_shape", "a.b", "a_b", "out"].map(str::to_owned);
        assert_eq!(distinct(names), ["x", "x_shape_", "a_b", "a_b_", "out"]);
    }
}
