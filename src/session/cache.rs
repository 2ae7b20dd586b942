//! The functions that this process has compiled, by what they were made of.
//!
//! In: the texts of a program, the name of a function, the sizes to plan for. Out: its code, if it has been compiled before.
//! Always holds: what is found is what compiling would give. The version of the compiler and the machine are those of the process.

use super::compile::Runnable;
use crate::diagnostic::{Diagnostic, Sources};
use crate::graph::{SizeEnv, SizeVar};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// The most functions that are kept.
const KEPT: usize = 64;

/// The functions that were compiled last, the latest in front.
static COMPILED: Mutex<VecDeque<Entry>> = Mutex::new(VecDeque::new());

struct Entry {
    key: Key,
    code: Runnable,
    warnings: Vec<Box<Diagnostic>>,
}

/// What code depends on.
#[derive(Clone, PartialEq)]
pub(super) struct Key {
    texts: Vec<(String, String)>,
    function: String,
    sizes: Vec<(SizeVar, i64)>,
}

impl Key {
    /// Of a function of a program, planned for these sizes.
    pub(super) fn new(sources: &Sources, function: &str, sizes: &SizeEnv) -> Key {
        let texts = sources.texts().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        let mut sizes: Vec<(SizeVar, i64)> = sizes.iter().map(|(var, value)| (var.clone(), *value)).collect();
        sizes.sort();
        Key { texts, function: function.to_string(), sizes }
    }
}

/// The code under a key, with scratch memory of its own, and what compiling it had warned of.
pub(super) fn find(key: &Key) -> Option<(Runnable, Vec<Box<Diagnostic>>)> {
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let at = compiled.iter().position(|entry| entry.key == *key)?;
    let entry = compiled.remove(at)?;
    let found = entry.code.again().map(|code| (code, entry.warnings.clone()));
    compiled.push_front(entry);
    found
}

/// Keeps code under its key.
pub(super) fn keep(key: Key, code: &Runnable, warnings: &[Box<Diagnostic>]) {
    let Some(code) = code.again() else { return };
    let dropped = {
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.retain(|entry| entry.key != key);
        compiled.push_front(Entry { key, code, warnings: warnings.to_vec() });
        let keep = compiled.len().min(KEPT);
        compiled.split_off(keep)
    };
    // Code is freed without the lock.
    drop(dropped);
}

/// Frees the code of functions that no kernel holds any more. The process keeps the 64 that it compiled or looked up last, for whoever compiles
/// the same text next.
pub fn free_unused_code() {
    let all = std::mem::take(&mut *COMPILED.lock().unwrap_or_else(PoisonError::into_inner));
    drop(all);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::runtime::array::Array;
    use crate::session::Session;
    use ndarray::Array1;

    const TEXT: &str = "fn cached(x: f64[n]) -> f64 = sum(x * x)";

    fn key(text: &str, n: i64) -> Key {
        let mut sources = Sources::default();
        sources.add("t", text);
        Key::new(&sources, "cached", &[(SizeVar::from("n"), n)].into_iter().collect())
    }

    #[test]
    fn the_same_text_is_compiled_once_in_a_process() {
        let call = |text: &str, n: usize| {
            let kernel = Session::with_threads(1).compile("t", text).unwrap().kernel("cached").unwrap();
            kernel.call(Array1::<f64>::ones(n)).unwrap().iter().flat_map(Array::to_f64_vec).collect::<Vec<f64>>()
        };
        assert!(find(&key(TEXT, 3)).is_none());
        assert_eq!(call(TEXT, 3), [3.0]);
        let (first, _) = find(&key(TEXT, 3)).unwrap();
        call(TEXT, 3);
        let (second, _) = find(&key(TEXT, 3)).unwrap();
        assert!(first.is_same_code(&second));
        // Other sizes may be planned otherwise, and another text is another function.
        assert!(find(&key(TEXT, 4)).is_none());
        let changed = format!("{TEXT} + 1");
        assert!(find(&key(&changed, 3)).is_none());
        assert_eq!(call(&changed, 3), [4.0]);
        assert_eq!(call(TEXT, 4), [4.0]);
    }

    #[test]
    fn only_the_latest_are_kept() {
        let graph = crate::graph::parse("graph g(x: f64[n]) {\n  %0 = input 0 : f64[n]\n  return %0\n}\n").unwrap();
        let code = Runnable::native(&graph, &mut crate::pipeline::Context::default()).unwrap();
        for n in 0..KEPT as i64 + 10 {
            keep(key("many", n), &code, &[]);
        }
        assert!(find(&key("many", 0)).is_none());
        assert!(COMPILED.lock().unwrap().len() <= KEPT);
    }
}
