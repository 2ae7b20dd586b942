//! What a file holds: arrays, by name or in sequence, to any depth.
//!
//! In: what the readers find. Out: [`Loaded`].
//! Always holds: the fields of a record have different names and stand in the order of the file.

use crate::runtime::array::Array;
use std::collections::HashMap;

/// Deepest that names may nest before they are left as they are.
const MAX_DEPTH: usize = 32;

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Loaded {
    /// One array: `.npy`, `.csv` without a header, a MATLAB matrix.
    Array(Array),
    /// By name: `.npz`, `.safetensors`, the columns of a `.csv` with a header, a MATLAB file or struct.
    Record(Vec<(String, Loaded)>),
    /// In sequence: a folder of `.npy` files, a MATLAB cell or struct array.
    List(Vec<Loaded>),
    /// A MATLAB string.
    Text(String),
}

impl Loaded {
    /// What it is, for messages: `f64[3, 2]`, `a record of x, y`, `a list of 3`, `a string`.
    pub fn describe(&self) -> String {
        match self {
            Loaded::Array(array) => crate::runtime::print::format_type(array),
            Loaded::Record(fields) => {
                let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                format!("a record of {}", names.join(", "))
            }
            Loaded::List(items) => format!("a list of {}", items.len()),
            Loaded::Text(_) => "a string".to_string(),
        }
    }
}

/// A level of the tree that names like `layers/0/w` make.
enum Node {
    Leaf(Array),
    Branch(Branch),
}

#[derive(Default)]
struct Branch {
    fields: Vec<(String, Node)>,
    places: HashMap<String, usize>,
}

/// A record of arrays whose names are paths: `layer/w` becomes field `w` of the record `layer`; where the names of a
/// level are 0, 1, 2 and so on it is a list. Where the names make no tree they stay as they are.
pub(super) fn by_path(arrays: Vec<(String, Array)>, separator: char) -> Loaded {
    let is_path = |name: &str| name.contains(separator);
    let nests = arrays.iter().all(|(name, _)| {
        let parts = name.split(separator);
        parts.clone().count() <= MAX_DEPTH && parts.into_iter().all(|part| !part.is_empty())
    });
    if !nests || !arrays.iter().any(|(name, _)| is_path(name)) || conflicts(&arrays, separator) {
        return Loaded::Record(arrays.into_iter().map(|(name, array)| (name, Loaded::Array(array))).collect());
    }
    let mut root = Branch::default();
    for (name, array) in arrays {
        let parts: Vec<&str> = name.split(separator).collect();
        root.insert(&parts, array);
    }
    Loaded::Record(root.fields.into_iter().map(|(name, node)| (name, node.loaded())).collect())
}

/// Whether some name is also the beginning of another's path.
fn conflicts(arrays: &[(String, Array)], separator: char) -> bool {
    let names: std::collections::HashSet<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
    arrays.iter().any(|(name, _)| {
        name.match_indices(separator).any(|(at, _)| name.get(..at).is_some_and(|start| names.contains(start)))
    })
}

impl Branch {
    fn insert(&mut self, path: &[&str], array: Array) {
        match path {
            [] => {}
            [name] => self.fields.push(((*name).to_string(), Node::Leaf(array))),
            [name, rest @ ..] => {
                let place = *self.places.entry((*name).to_string()).or_insert_with(|| {
                    self.fields.push(((*name).to_string(), Node::Branch(Branch::default())));
                    self.fields.len() - 1
                });
                if let Some((_, Node::Branch(branch))) = self.fields.get_mut(place) {
                    branch.insert(rest, array);
                }
            }
        }
    }
}

impl Node {
    fn loaded(self) -> Loaded {
        let mut fields = match self {
            Node::Leaf(array) => return Loaded::Array(array),
            Node::Branch(branch) => branch.fields,
        };
        let number = |name: &str| name.parse::<usize>().ok().filter(|k| k.to_string() == name);
        // Names differ, so that many numbers below their count are all of them.
        let numbered = fields.iter().all(|(name, _)| number(name).is_some_and(|k| k < fields.len()));
        if numbered {
            fields.sort_by_key(|(name, _)| number(name));
            return Loaded::List(fields.into_iter().map(|(_, node)| node.loaded()).collect());
        }
        Loaded::Record(fields.into_iter().map(|(name, node)| (name, node.loaded())).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn names(value: &Loaded) -> String {
        match value {
            Loaded::Array(array) => array.as_i64().unwrap().to_string(),
            Loaded::Record(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}={}", names(value))).collect();
                format!("({})", fields.join(" "))
            }
            Loaded::List(items) => format!("[{}]", items.iter().map(names).collect::<Vec<_>>().join(" ")),
            Loaded::Text(_) => panic!("no text here"),
        }
    }

    fn tree(paths: &str) -> String {
        let arrays = paths.split_whitespace().zip(0i64..).map(|(name, k)| (name.to_string(), Array::from(k))).collect();
        names(&by_path(arrays, '.'))
    }

    #[test]
    fn paths_become_records_and_numbers_lists() {
        assert_eq!(tree("b a"), "(b=0 a=1)");
        assert_eq!(tree("m.w m.b bias"), "(m=(w=0 b=1) bias=2)");
        assert_eq!(tree("h.1.w h.0.w h.10.w"), "(h=(1=(w=0) 0=(w=1) 10=(w=2)))");
        assert_eq!(tree("h.1.w h.0.w h.2.w"), "(h=[(w=1) (w=0) (w=2)])");
        assert_eq!(tree("h.01 h.0"), "(h=(01=0 0=1))");
    }

    #[test]
    fn names_that_make_no_tree_stay() {
        assert_eq!(tree("a a.b"), "(a=0 a.b=1)");
        assert_eq!(tree("a.b a"), "(a.b=0 a=1)");
        assert_eq!(tree("a..b c"), "(a..b=0 c=1)");
        let deep = vec!["a"; 40].join(".");
        assert_eq!(tree(&deep), format!("({deep}=0)"));
    }
}
