//! Random programs, right in syntax and nonsense in everything else.
//!
//! In: a seed. Out: a text that parses, with comments and line ends wherever the language lets them stand.
//! Always holds: the same seed gives the same text on every machine.

mod expression;
mod statement;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % limit as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const NAMES: &[&str] =
    &["a", "b", "x", "y", "W", "n", "k", "grad", "random", "second_moment", "a_rather_long_name_of_a_variable"];

/// A text while it is being made.
struct Writer {
    random: Random,
    out: String,
    /// For each open bracket, whether line ends are spaces in it.
    open: Vec<bool>,
    comments: usize,
}

/// A program of a few items.
pub fn program(seed: u64) -> String {
    let random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut writer = Writer { random, out: String::new(), open: Vec::new(), comments: 0 };
    for _ in 0..8 {
        writer.random.below(2);
    }
    for _ in 0..1 + writer.random.below(8) {
        writer.item();
        writer.separator();
    }
    writer.out
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn comment(&mut self) {
        self.comments += 1;
        let tail = ["", " ", " of some length, so that the line that it stands on becomes rather long in the end"];
        let tail = self.random.pick(&tail);
        self.out.push_str(&format!("#{}c{}{tail}\n", " ".repeat(self.comments % 3), self.comments));
    }

    /// A space, where the language may let a line end: always, or in brackets only.
    fn gap(&mut self, always: bool) {
        if always || self.open.last() == Some(&true) {
            for _ in 0..3 {
                match self.random.below(24) {
                    0 => self.comment(),
                    1 => self.put("\n"),
                    2 => self.put("\n\n  "),
                    _ => break,
                }
            }
        }
        self.put(" ");
    }

    fn word(&mut self, word: &str) {
        self.put(word);
        self.gap(false);
    }

    /// A word behind which a line may end.
    fn carry(&mut self, word: &str) {
        self.put(word);
        self.gap(true);
    }

    fn enter(&mut self, bracket: &str) {
        self.put(bracket);
        self.open.push(bracket != "{");
        self.gap(bracket == "{");
    }

    fn leave(&mut self, bracket: &str) {
        self.gap(false);
        self.open.pop();
        self.put(bracket);
    }

    fn separator(&mut self) {
        match self.random.below(8) {
            0 => self.put(";"),
            1 => self.put(" ; \n"),
            2 => {
                self.put("  ");
                self.comment();
            }
            3 => self.put("\n\n\n"),
            4 => {
                self.put("\n\n");
                self.comment();
                self.comment();
            }
            5 => {
                self.put("; ");
                self.comment();
            }
            _ => self.put("\n"),
        }
    }

    fn name(&mut self) -> &'static str {
        self.random.pick(NAMES)
    }

    /// Zero or more, with commas; sometimes a comma behind the last.
    fn several(&mut self, least: usize, most: usize, mut one: impl FnMut(&mut Writer)) {
        let count = least + self.random.below(most - least + 1);
        for index in 0..count {
            one(self);
            self.gap(false);
            if index + 1 < count || self.random.one_in(4) {
                self.carry(",");
            }
        }
    }
}
