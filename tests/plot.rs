//! What plots look like.
//!
//! In: `tests/plot/*.tome`. Out: what they draw in a terminal of 60 columns, and the files they write, compared with
//! what stands beside them (MICROTOME_UPDATE=1 accepts what is drawn).
//! Always holds: interpreter and compiled code draw the same, and nothing is written when something is wrong.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod harness;

use harness::{compare_with_file, files, folder};
use microtome::plot::{ColorDepth, Terminal};
use microtome::{RunOptions, Session};
use std::path::Path;

fn run_on(terminal: Terminal, source: &str, interpret: bool) -> Result<String, String> {
    let mut out = Vec::new();
    let module = Session::with_threads(1).compile("plot.tome", source).map_err(|error| error.render(false))?;
    let options = RunOptions { interpret, terminal, ..RunOptions::default() };
    module.run(&options, &mut out, &mut |_| {}).map_err(|error| error.render(false))?;
    Ok(String::from_utf8(out).expect("UTF-8"))
}

fn run(source: &str) -> Result<String, String> {
    run_on(Terminal { width: 60, colors: ColorDepth::None }, source, false)
}

/// What a program draws into a file of that name.
fn drawn(name: &str, call: &str) -> Vec<u8> {
    let scratch = tempfile::tempdir().expect("a folder");
    let path = scratch.path().join(name);
    let source = call.replace("FILE", &format!("file=\"{}\"", path.display()));
    assert_eq!(run(&source).unwrap_or_else(|error| panic!("{error}")), "", "nothing in the terminal");
    assert_eq!(std::fs::read_dir(scratch.path()).expect("the folder").count(), 1);
    std::fs::read(&path).expect("the file")
}

#[test]
fn terminals_show_what_is_expected() {
    let mut problems = Vec::new();
    for path in files(&folder("plot"), "tome") {
        let source = std::fs::read_to_string(&path).expect("a program");
        for colors in [ColorDepth::None, ColorDepth::Indexed, ColorDepth::Full] {
            let terminal = Terminal { width: 60, colors };
            let [compiled, interpreted] = [false, true].map(|interpret| run_on(terminal, &source, interpret));
            let shown = compiled.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(Ok(&shown), interpreted.as_ref(), "{}", path.display());
            assert!(shown.contains('\x1b') || colors == ColorDepth::None || source.contains("# plain"));
            if colors == ColorDepth::None {
                let widest = shown.lines().map(|line| line.chars().count()).max().unwrap_or(0);
                assert!(widest <= 60 && !shown.contains('\x1b'), "{}: {widest}", path.display());
                problems.extend(compare_with_file(&path.with_extension("txt"), &shown).err());
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn colors_are_those_of_the_values() {
    let terminal = Terminal { width: 40, colors: ColorDepth::Full };
    let shown = run_on(terminal, "imshow([[0.0], [1.0]], colormap=\"gray\", height=6)", false).unwrap();
    assert!(shown.contains("\x1b[0;38;2;0;0;0;48;2;255;255;255m▀"), "{shown:?}");
    let shown = run_on(terminal, "plot([1.0, 2.0], label=\"a\")", false).unwrap();
    assert!(shown.contains("\x1b[0;38;2;86;180;233m━\x1b[0m a"), "{shown:?}");
}

#[test]
fn svgs_are_what_is_expected() {
    let calls = [
        (
            "lines",
            "let x = linspace(0.0, 1.0, 9)\nplot(x, x^2, x, [1.0, 0.5, nan, 0.25, 0.125, 0.0, nan, 1.0, inf], \
             label=(\"x²\", \"a < b & c\"), style=(\"line\", \"line+points\"), title=\"Two\", xlabel=\"x\", \
             ylabel=\"y\", FILE)",
        ),
        ("log", "plot([1, 10, 100, 1000], [0.01, 0.1, 3.0, 20.0], logx=true, logy=true, FILE)"),
        ("hist", "hist([1, 2, 2, 3, 3, 3, 7], bins=3, title=\"bars\", FILE)"),
        ("image", "imshow([[0, 1, 2], [3, 4, 5]], width=300, height=240, FILE)"),
        ("empty", "plot(zeros(0), FILE)"),
    ];
    let problems: Vec<String> = calls
        .iter()
        .filter_map(|(name, call)| {
            let text = String::from_utf8(drawn("p.svg", call)).expect("UTF-8");
            assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n") && !text.contains("NaN"), "{text}");
            compare_with_file(&folder("plot").join(format!("{name}.svg")), &text).err()
        })
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A decoded `.png`: its size, and the colour at a place.
struct Decoded(tiny_skia::Pixmap);

impl Decoded {
    fn of(call: &str) -> Decoded {
        Decoded(tiny_skia::Pixmap::decode_png(&drawn("p.png", call)).expect("a PNG"))
    }

    fn size(&self) -> (u32, u32) {
        (self.0.width(), self.0.height())
    }

    fn at(&self, x: u32, y: u32) -> [u8; 3] {
        let pixel = self.0.pixel(x, y).expect("a pixel");
        [pixel.red(), pixel.green(), pixel.blue()]
    }

    fn count(&self, color: [u8; 3]) -> usize {
        self.0.pixels().iter().filter(|p| [p.red(), p.green(), p.blue()] == color).count()
    }
}

#[test]
fn pngs_have_the_size_and_the_colors() {
    let plain = Decoded::of("plot([0.0, 1.0], FILE)");
    assert_eq!(plain.size(), (800, 500));
    assert_eq!(plain.at(0, 0), [255, 255, 255]);
    assert!(plain.count([0, 114, 178]) > 500, "the line in the first colour");
    let sized = Decoded::of("plot([0.0, 1.0], [5.0, 5.0], width=320, height=200, FILE)");
    assert_eq!(sized.size(), (320, 200));
    let image = Decoded::of("imshow([[0.0, 1.0], [1.0, 0.0]], colormap=\"gray\", width=400, height=300, FILE)");
    let (dark, light) = (image.count([0, 0, 0]), image.count([255, 255, 255]));
    assert!(dark > 20_000 && light > 20_000, "{dark} {light}");
    let rgb = Decoded::of("imshow([[[255, 0, 0], [0, 255, 0]]], width=400, height=300, FILE)");
    assert!(rgb.count([255, 0, 0]) > 10_000 && rgb.count([255, 0, 0]).abs_diff(rgb.count([0, 255, 0])) < 1_000);
    let bars = Decoded::of("hist([1, 2, 2, 3], FILE)");
    assert!(bars.count([0, 114, 178]) > 20_000);
    // Tick labels need no font of the machine: without them the margin would be empty.
    let left = (0..50).flat_map(|x| (0..440).map(move |y| (x, y))).filter(|&(x, y)| bars.at(x, y) != [255; 3]).count();
    assert!(left > 200, "{left}");
}

#[test]
fn every_data_can_be_drawn() {
    let arrays = [
        "0.5",
        "zeros(0)",
        "[nan, nan]",
        "[inf, -inf]",
        "[1e308, -1e308]",
        "[5e-324, 0.0]",
        "[7, 7]",
        "[true, false]",
        "zeros(3, 0)",
        "zeros(0, 3)",
        "ones(4, 3)",
        "[-1.0, 0.0]",
        "f32(linspace(0.0, 1.0, 3))",
        "[1e16, 1e16 + 2.0]",
    ];
    for array in arrays {
        for more in ["", ", logx=true", ", logy=true", ", style=\"points\"", ", xlim=(3, 1), ylim=(-1e300, 1e300)"] {
            for kind in ["plot", "hist"] {
                if kind == "hist" && more.contains("style") {
                    continue;
                }
                let text =
                    run(&format!("{kind}({array}{more})")).unwrap_or_else(|e| panic!("{kind}({array}{more}): {e}"));
                assert!(text.lines().count() > 8, "{kind}({array}{more})\n{text}");
                drawn("p.svg", &format!("{kind}({array}{more}, FILE)"));
                drawn("p.png", &format!("{kind}({array}{more}, width=120, height=100, FILE)"));
            }
        }
    }
    for array in
        ["zeros(0, 0)", "zeros(0, 5)", "[[nan]]", "[[1e308, -1e308]]", "zeros(0, 4, 3)", "[[true]]", "ones(300, 2)"]
    {
        for name in ["p.svg", "p.png"] {
            drawn(name, &format!("imshow({array}, FILE)"));
        }
        run(&format!("imshow({array})")).unwrap();
    }
}

#[test]
fn wrong_calls_are_told_so_before_anything_is_done() {
    let cases = [
        ("plot([1, 2, 3], [1, 2])", "E0401", "`x` has 3 points, `y` has 2"),
        ("plot(ones(3, 2), ones(3, 4))", "E0401", "`x` has 2 columns, `y` has 4"),
        ("plot(ones(2, 2, 2))", "E0303", "not an array of 3 axes"),
        ("plot([1], style=\"lines\")", "E0302", "did you mean style=\"line\"?"),
        ("plot([1], [1], \"r--\")", "E0301", "style=\"points\""),
        ("plot([1], [1], [1])", "E0302", "plot(x1, y1, x2, y2, …)"),
        ("plot()", "E0302", "plot(y)"),
        ("plot([1], lable=\"a\")", "E0302", "did you mean `label=`?"),
        ("plot(ones(3, 2), label=\"a\")", "E0302", "there are 1 label for 2 lines"),
        ("plot(ones(3, 2), label=(\"a\", \"b\", \"c\"))", "E0302", "there are 3 labels for 2 lines"),
        ("plot([1], label=3)", "E0301", "a label is a string"),
        ("plot([1], xlim=3)", "E0301", "write xlim=(a, b)"),
        ("plot([1], xlim=(1, 1))", "E0302", "`xlim` begins and ends at 1"),
        ("plot([1], ylim=(-1, 1), logy=true)", "E0302", "`ylim` reaches -1"),
        ("plot([1], ylim=(0, inf))", "E0302", "an end of `ylim` is inf"),
        ("plot([1], logx=1)", "E0305", "true or false"),
        ("plot([1], width=-5)", "E0302", "columns of a terminal: 5 to 1000"),
        ("plot([1], width=20, file=\"p.svg\")", "E0302", "pixels of a file: 100 to 5000"),
        ("plot([1], file=\"p.pdf\")", "E0601", "`.svg` and `.png`"),
        ("plot([1], file=\"p\")", "E0601", "no extension"),
        ("plot([1], file=3)", "E0301", "a path in quotes"),
        ("plot([1], file=\"no_such_folder/p.svg\")", "E0601", "there is no folder `no_such_folder`"),
        ("hist([1], bins=0)", "E0302", "`bins` is 0"),
        ("hist([1], bins=2.5)", "E0301", "a whole number"),
        ("hist([1], bins=[1, 3, 2])", "E0302", "behind 3 comes 2"),
        ("hist([1], bins=[1])", "E0302", "1 edges make no bin"),
        ("hist([1], bins=ones(2, 2))", "E0303", "at most 1 axis"),
        ("hist([1], range=(2, 1))", "E0302", "from 2 down to 1"),
        ("let k = sum([2, -3])\nhist([1], bins=k)", "E0302", "`bins` is -1"),
        ("imshow([1, 2])", "E0303", "reshape(a, h, w)"),
        ("imshow(ones(2, 2, 4))", "E0401", "size 3, not 4"),
        ("imshow(ones(2, 2), colormap=\"virids\")", "E0302", "did you mean colormap=\"viridis\"?"),
        ("imshow(ones(2, 2), colormap=\"jet\")", "E0302", "\"cividis\""),
        ("imshow(ones(2, 2), vmin=2, vmax=1)", "E0302", "`vmin` is 2, above `vmax`, 1"),
        ("let a = plot([1])", "E0301", "a statement of the top level"),
        ("fn f(x: f64[n]) {\n plot(x)\n x\n}\nprint(f([1.0]))", "E0301", "a statement of the top level"),
    ];
    for (source, code, words) in cases {
        let error = run(source).expect_err(source);
        let flat = error.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(code) && flat.contains(words), "{source}: no {code} `{words}` in\n{error}");
    }
    assert!(!Path::new("p.svg").exists());
}

#[test]
fn plots_come_in_the_order_of_the_program() {
    let text = run("print(\"before\")\nlet a = [1.0, 2.0]\nplot(2 * a, height=8)\nprint(\"after\", sum(a))").unwrap();
    assert!(text.starts_with("before\n") && text.ends_with("after 3.0\n"), "{text}");
}
