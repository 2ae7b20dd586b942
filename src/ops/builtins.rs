//! The builtin functions of the language; not written yet.
