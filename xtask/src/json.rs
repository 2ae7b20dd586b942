//! JSON, as far as benchmarks need it: one flat object to a line.
//!
//! In: a line of text, or a text to quote. Out: its keys with strings and numbers, or the text quoted.
//! Always holds: a line that is not such an object gives `None`, never half of one.

/// A value of a flat object.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A number.
    Number(f64),
}

/// The pairs of a flat object, in order.
pub struct Object(Vec<(String, Value)>);

impl Object {
    /// Reads a line such as `{"name": "copy", "n": 10}`.
    pub fn parse(line: &str) -> Option<Object> {
        let mut rest = line.trim().strip_prefix('{')?.trim_start();
        let mut pairs = Vec::new();
        loop {
            let (key, after) = string(rest)?;
            let (value, after) = value(after.trim_start().strip_prefix(':')?.trim_start())?;
            pairs.push((key, value));
            rest = after.trim_start();
            match rest.strip_prefix(',') {
                Some(more) => rest = more.trim_start(),
                None => return (rest == "}").then_some(Object(pairs)),
            }
        }
    }

    /// The string under a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(|value| if let Value::Text(text) = value { Some(text.as_str()) } else { None })
    }

    /// The number under a key.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.get(key).and_then(|value| if let Value::Number(number) = value { Some(*number) } else { None })
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// A text as a JSON string.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn value(text: &str) -> Option<(Value, &str)> {
    if text.starts_with('"') {
        return string(text).map(|(text, rest)| (Value::Text(text), rest));
    }
    let end = text.find([',', '}', ' ']).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Some((Value::Number(number.parse().ok()?), rest))
}

fn string(text: &str) -> Option<(String, &str)> {
    let body = text.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &body[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, digit)| digit).collect();
                    out.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                plain => out.push(plain),
            },
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let line = format!("{{\"name\": {}, \"n\": 64, \"median_s\":1.5e-3}}", quote("sum(\"2xy\" \\ + x)\u{1}"));
        let object = Object::parse(&line).expect("an object");
        assert_eq!(object.text("name"), Some("sum(\"2xy\" \\ + x)\u{1}"));
        assert_eq!(object.number("n"), Some(64.0));
        assert_eq!(object.number("median_s"), Some(1.5e-3));
        assert_eq!(object.number("name"), None);
    }

    #[test]
    fn refuses_anything_else() {
        for line in ["", "words", "{", "{\"a\" 1}", "{\"a\": 1", "{\"a\": one}", "{\"a\": 1} more", "{\"a"] {
            assert!(Object::parse(line).is_none(), "{line}");
        }
    }
}
