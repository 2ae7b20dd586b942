//! A folder of arrays as a list.
//!
//! In: a folder with `.npy` files. Out: their arrays in the order of their names.
//! Always holds: numbers in names are compared as numbers, so that `x2.npy` comes before `x10.npy`.

use super::error::FileError;
use super::loaded::Loaded;
use super::npy;
use std::cmp::Ordering;
use std::path::Path;

/// Reads every `.npy` file of a folder; other files and hidden ones are left alone.
pub(super) fn load(folder: &Path) -> Result<Loaded, FileError> {
    let unreadable = |e: std::io::Error| FileError::unreadable(e.to_string());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && name.to_ascii_lowercase().ends_with(".npy") {
            names.push(name);
        }
    }
    if names.is_empty() {
        let error = FileError::format("it is a folder, and holds no `.npy` files");
        return Err(error.help("a folder is read as a list of the `.npy` files in it; name a file to read that alone"));
    }
    names.sort_by(|a, b| natural_order(a, b));
    let read = |name: &String| {
        let array = npy::load(&folder.join(name)).map_err(|e| e.about(format_args!("file `{name}`")))?;
        Ok(Loaded::Array(array))
    };
    names.iter().map(read).collect::<Result<_, _>>().map(Loaded::List)
}

/// By characters, but runs of digits by the number they are.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let ((digits_a, rest_a), (digits_b, rest_b)) = (split_digits(left), split_digits(right));
        if !digits_a.is_empty() && !digits_b.is_empty() {
            let (x, y) = (digits_a.trim_start_matches('0'), digits_b.trim_start_matches('0'));
            let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (rest_a, rest_b);
            continue;
        }
        let (mut chars_a, mut chars_b) = (left.chars(), right.chars());
        match (chars_a.next(), chars_b.next()) {
            // Names that differ in zeros only, as `x1` and `x01`.
            (None, None) => return a.cmp(b),
            (x, y) if x != y => return x.cmp(&y),
            _ => (left, right) = (chars_a.as_str(), chars_b.as_str()),
        }
    }
}

/// The digits that a text begins with, and what follows them.
fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or(("", text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::runtime::array::Array;

    #[test]
    fn names_are_in_natural_order() {
        let mut names = ["x10", "x2", "x1", "x01", "a3b2", "a3b10", "a", "x", "B", "x2.5", "y99999999999999999999999"];
        names.sort_by(|a, b| natural_order(a, b));
        let sorted = ["B", "a", "a3b2", "a3b10", "x", "x01", "x1", "x2", "x2.5", "x10", "y99999999999999999999999"];
        assert_eq!(names, sorted);
    }

    #[test]
    fn a_folder_is_a_list_of_its_arrays() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(folder.path()).unwrap_err();
        assert_eq!(error.message, "it is a folder, and holds no `.npy` files");
        for k in [10i64, 9, 1] {
            npy::save(&folder.path().join(format!("trial{k}.npy")), &Array::from(k)).unwrap();
        }
        std::fs::write(folder.path().join("notes.txt"), "not an array").unwrap();
        std::fs::write(folder.path().join(".trial0.npy"), "hidden").unwrap();
        let expected = [1i64, 9, 10].map(|k| Loaded::Array(Array::from(k)));
        assert_eq!(load(folder.path()).unwrap(), Loaded::List(expected.to_vec()));
        std::fs::write(folder.path().join("trial3.npy"), "broken").unwrap();
        let error = load(folder.path()).unwrap_err();
        assert!(error.message.starts_with("file `trial3.npy`: "), "{error}");
    }
}
