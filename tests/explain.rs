//! What `microtome explain` and `microtome check --per-example` say.
//!
//! In: programs. Out: explanations as text, JSON and a page (which a browser shows, where there is one), and comparisons of
//! gradients.
//! Always holds: a statistic has its own name, and a page needs nothing beside it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use microtome::{Explanation, InputSource, Module, RunOptions, Session};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn module(source: &str) -> Module {
    Session::with_threads(1).compile("explained.tome", source).unwrap_or_else(|error| panic!("{source}\n{error}"))
}

fn explained(source: &str, function: Option<&str>, sizes: &[(&str, i64)]) -> Explanation {
    let sizes: Vec<(String, i64)> = sizes.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    module(source).explain(function, &sizes).unwrap_or_else(|error| panic!("{error}"))
}

fn json(explanation: &Explanation) -> Value {
    serde_json::from_str(&explanation.json()).unwrap()
}

const NET: &str = "fn cost(x: f64[n, d], y: i64[n], W: f64[d, k], b: f64[k]) -> f64[n] {
    let z = x @ W + b
    logsumexp(z, axis=1) - [z[i, y[i]] for i in 0:n]
}
";

/// A function of the net's gradients.
fn statistic(result: &str) -> String {
    format!(
        "{NET}fn f(x: f64[n, d], y: i64[n], W: f64[d, k], b: f64[k]) {{\n    let c = cost(x, y, W, b)\n    {result}\n}}\n"
    )
}

#[test]
fn statistics_have_their_names() {
    for (result, name) in [
        ("mean(grad(c[i], W)^2 for i in 0:n)", "second moment of per-example gradients (mean of their squares)"),
        ("grad(mean(c), W)^2", "square of the mean gradient"),
        ("let g = grad(sum(c), W)\n    sum(g * g)", "square of the summed gradient"),
        ("sum(grad(c[i], W)^2 for i in 0:n)", "sum of squares of per-example gradients"),
        ("mean(grad(c[i], W) for i in 0:n)", "mean of per-example gradients"),
        ("[grad(c[i], W) for i in 0:n]", "per-example gradients, held as an array"),
        ("[sqrt(sum(grad(c[i], W)^2) + sum(grad(c[i], b)^2)) for i in 0:n]", "norms of per-example gradients"),
        ("[sum(grad(c[i], W)^2) for i in 0:n]", "squared norms of per-example gradients"),
        ("sum(min(1.0, 0.5 / sqrt(c[i])) * grad(c[i], W) for i in 0:n)", "sum of clipped per-example gradients"),
        ("sum(c[i] * grad(c[i], W) for i in 0:n)", "weighted sum of per-example gradients"),
        ("max(abs(grad(c[i], W)) for i in 0:n)", "largest of the magnitudes of per-example gradients"),
        ("[sum(grad(c[i], W) * grad(c[j], W)) for i in 0:n, j in 0:n]", "Gram matrix of per-example gradients"),
        ("[sum(grad(c[i], W) * W) for i in 0:n]", "inner products of per-example gradients with an array"),
        (
            "let m = grad(mean(c), W)\n    mean((grad(c[i], W) - m)^2 for i in 0:n)",
            "variance of per-example gradients around a value",
        ),
        ("mean(abs(grad(c[i], W))^3 for i in 0:n)", "moment of order 3 of per-example gradients"),
    ] {
        let found = json(&explained(&statistic(result), Some("f"), &[]));
        let names: Vec<&str> =
            found["parts"][0]["statistics"].as_array().unwrap().iter().filter_map(|s| s["name"].as_str()).collect();
        assert!(names.contains(&name), "{result} is called {names:?}");
    }
}

#[test]
fn sizes_that_are_numbers_count_examples_too() {
    let source = format!(
        "{NET}let c = cost(random.normal(1, 20, 3), [k % 4 for k in 0:20], zeros(3, 4), zeros(4))
let w = 2.0
let e = [(w * f64(k) - 1.0)^2 for k in 0:20]
print(sum(c), mean(grad(e[i], w)^2 for i in 0:20), sum(grad(e[i], w)^2 for i in 0:20))
"
    );
    let found = json(&explained(&source, None, &[]));
    let parts = found["parts"].as_array().unwrap();
    let names: Vec<&str> =
        parts.last().unwrap()["statistics"].as_array().unwrap().iter().filter_map(|s| s["name"].as_str()).collect();
    assert!(names.iter().any(|name| name.starts_with("second moment of per-example gradients")), "{names:?}");
}

#[test]
fn a_tie_is_shown_and_a_loop_is_named() {
    let tied = "fn f(x: f64[n, d], w: f64[d]) {
    let z = x @ w
    let c = (z - mean(z))^2
    mean(grad(c[i], w)^2 for i in 0:n)
}
";
    let part = &json(&explained(tied, Some("f"), &[]))["parts"][0];
    assert_eq!(part["derivatives"][0]["per_example"], true);
    assert_eq!(part["derivatives"][0]["tied_by"]["text"], "mean(z)");
    assert_eq!(part["warnings"][0]["code"], "W0102");
    let looping = "fn f(x: f64) -> f64 {
    var y = x
    while y > 1.0 {
        y = y / 2.0
    }
    y
}
";
    let part = &json(&explained(looping, Some("f"), &[]))["parts"][0];
    assert_eq!(part["unbounded"][0]["what"], "loop");
    assert_eq!(part["loops"][0]["iterations"], "nothing says how many");
    assert!(part["time"]["polynomial"].as_str().unwrap().contains("?loop1"));
}

#[test]
fn the_object_has_its_keys_and_numbers() {
    let source = statistic("mean(grad(c[i], W)^2 for i in 0:n)") + "input x: f64[n]\nprint(sum(x^2))\n";
    let object = json(&explained(&source, None, &[("n", 100), ("d", 7), ("k", 3)]));
    assert_eq!((&object["version"], &object["file"]), (&Value::from(1), &Value::from("explained.tome")));
    let parts = object["parts"].as_array().unwrap();
    let names: Vec<&str> = parts.iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["cost", "f", "the program"]);
    for part in parts {
        for key in [
            "kind",
            "parameters",
            "results",
            "sizes",
            "time",
            "memory",
            "unbounded",
            "steps",
            "contractions",
            "derivatives",
            "statistics",
            "batched",
            "loops",
            "elementwise_operators",
            "arrays_held",
            "warnings",
        ] {
            assert!(!part[key].is_null(), "{key} of {}", part["name"]);
        }
        let steps: i64 =
            part["steps"].as_array().unwrap().iter().map(|s| s["operations"]["at"].as_i64().unwrap()).sum();
        assert_eq!(part["time"]["at"].as_i64().unwrap(), steps, "{}", part["name"]);
        let terms: i64 = part["time"]["terms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|term| {
                let size = |name: &Value| part["sizes"][name.as_str().unwrap()].as_i64().unwrap();
                term["coefficient"].as_i64().unwrap()
                    * term["sizes"].as_array().unwrap().iter().map(size).product::<i64>()
            })
            .sum();
        assert_eq!(terms, steps);
    }
    let plans = &parts[1]["contractions"].as_array().unwrap().iter().find(|c| c["plans"].as_array().unwrap().len() > 1);
    let plans = plans.expect("a contraction with a choice")["plans"].as_array().unwrap();
    assert_eq!((plans[0]["chosen"].as_bool(), plans[1]["chosen"].as_bool()), (Some(true), Some(false)));
    assert!(plans.iter().all(|plan| plan["weight"].as_f64() >= plans[0]["weight"].as_f64()));
}

#[test]
fn what_the_page_about_it_says_is_said() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/explain.md")).unwrap();
    let block = |opening: &str| {
        let (_, rest) = page.split_once(opening).expect(opening);
        rest.split_once("\n```").expect("an end").0.trim_start_matches('\n').to_string()
    };
    let text = explained(&block("```tome explain"), Some("second_moment"), &[]).text();
    for line in block("```explain\n").lines() {
        assert!(text.contains(line), "`{line}` is not in\n{text}");
    }
}

#[test]
fn sizes_and_functions_that_are_not_there_are_named() {
    let module = module(NET);
    let wrong = module.explain(Some("cots"), &[]).unwrap_err().to_string();
    assert!(wrong.contains("did you mean `cost`?"), "{wrong}");
    let wrong = module.explain(None, &[("m".to_string(), 3)]).unwrap_err().to_string();
    assert!(wrong.contains("there is no size `m`") && wrong.contains("d, k, n"), "{wrong}");
}

/// A page and how many boxes its drawings have.
fn page() -> (String, usize) {
    let source = statistic("(mean(grad(c[i], W)^2 for i in 0:n), [sum(grad(c[i], b)^2) < 1.0 for i in 0:n])");
    let explanation = explained(&source, Some("f"), &[("n", 100)]);
    let part = &json(&explanation)["parts"][0];
    let count = |key: &str| part[key].as_array().unwrap().len();
    (explanation.html(), count("parameters") + count("steps") + count("results"))
}

#[test]
fn the_page_is_whole() {
    let (html, boxes) = page();
    assert_eq!(html.matches("<g class=\"node ").count(), boxes);
    assert!(html.matches("<path class=\"edge\"").count() >= boxes / 2, "what is computed is joined");
    for outside in ["<script", "<link", "<img", "src=", "@import", "href=", "url(http"] {
        assert!(!html.contains(outside), "the page has {outside}");
    }
    assert_eq!(html.matches("http").count(), html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    assert!(html.contains("sum(grad(c[i], b)^2) &lt; 1.0"), "source text is text");
    // Every element that is opened is closed, in order.
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1) {
        let name = tag.split(|c: char| c == '>' || c.is_whitespace()).next().unwrap();
        let alone = tag.split('>').next().unwrap().ends_with('/');
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.trim_end_matches('/')), "near <{tag}");
        } else if !alone && !["!DOCTYPE", "meta", "br"].contains(&name) {
            open.push(name.trim_end_matches('/'));
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
}

/// A browser without a window.
fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    let all: Vec<PathBuf> =
        std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).collect();
    all.into_iter().find(|program| program.is_file())
}

#[test]
fn a_browser_shows_the_page() {
    let Some(browser) = browser() else {
        println!("skipped: no chromium or chrome on the PATH; the structure of the page is tested without it");
        return;
    };
    let (html, boxes) = page();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    std::fs::write(&file, html).unwrap();
    let shown = Command::new(&browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    assert_eq!(dom.matches("<g class=\"node ").count(), boxes, "{dom}");
    for part in
        ["<svg class=\"graph\"", "explained</title>", "<code class=\"time\">", "second moment of per-example gradients"]
    {
        assert!(dom.contains(part), "{part} is not in\n{dom}");
    }
}

fn microtome(arguments: &[&str]) -> (Option<i32>, String, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_microtome")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

#[test]
fn the_command_line_writes_text_json_and_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("p.tome"), NET).unwrap();
    let (status, out, err) = microtome(&["explain", "--sizes", "n=1_000,d=64,k=10", &path("p.tome")]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    for part in ["fn cost(", "scalar operations", "at d = 64, k = 10, n = 1000:", "steps"] {
        assert!(out.contains(part), "{part} is not in\n{out}");
    }
    let (status, out, _) = microtome(&["explain", "--json", &path("p.tome")]);
    assert_eq!(status, Some(0));
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["parts"][0]["name"], "cost");
    let (status, out, err) = microtome(&["explain", "--html", &path("p.html"), &path("p.tome")]);
    assert_eq!((status, out.as_str()), (Some(0), ""));
    assert!(err.contains("p.html") && std::fs::read_to_string(path("p.html")).unwrap().starts_with("<!DOCTYPE html>"));
    let (status, _, err) = microtome(&["explain", "--sizes", "n=-1", &path("p.tome")]);
    assert_eq!(status, Some(2), "{err}");
    let (status, _, err) = microtome(&["explain", "--fn", "nothing", &path("p.tome")]);
    assert!(status == Some(1) && err.contains("E0201"), "{err}");
}

/// What checking a program's gradients says, and the codes of its warnings.
fn checked(source: &str, inputs: &[(&str, &str)]) -> (String, Vec<String>) {
    let inputs = inputs.iter().map(|(name, value)| InputSource::Named(name.to_string(), value.to_string())).collect();
    let options = RunOptions { inputs, ..RunOptions::default() };
    let found = module(source).check_per_example(&options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    (found.text(), found.warnings().iter().map(|warning| warning.render(false)).collect())
}

#[test]
fn gradients_of_single_examples_are_compared() {
    let source = format!(
        "{NET}let x = random.normal(1, 20, 3)
let y = [k % 4 for k in 0:20]
let W = random.normal(2, 3, 4)
let b = zeros(4)
let c = cost(x, y, W, b)
print(mean(grad(c[i], W)^2 for i in 0:20), [sum(grad(c[i], b)^2) for i in 0:20])
save(\"never.npy\", x)
"
    );
    let (text, warnings) = checked(&source, &[]);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert!(text.contains("20 examples, compared one by one: 0, 3,"), "{text}");
    assert_eq!(text.matches("as in a batch of copies of the example: yes").count(), 2, "{text}");
    assert!(!Path::new("never.npy").exists(), "nothing is done to the world");
}

#[test]
fn tied_examples_are_found_by_their_numbers() {
    let source = "input s: f64
let x = random.normal(1, 10, 2)
let w = [1.0, 2.0]
let z = x @ w
let c = s * (z - mean(z))^2
print([grad(c[i], w) for i in 0:10])
";
    let (text, warnings) = checked(source, &[("s", "2.0")]);
    assert!(text.contains("no, example 0 has another gradient there"), "{text}");
    assert!(warnings.len() == 1 && warnings[0].contains("W0102") && warnings[0].contains("mean(z)"), "{warnings:?}");
}

#[test]
fn the_first_gradient_that_is_not_finite_is_named() {
    let source = "let x = [4.0, 1.0, 0.0, 9.0, 0.0]
let w = 1.0
let c = sqrt(w * x)
print([grad(c[i], w) for i in 0:5])
";
    let (text, warnings) = checked(source, &[]);
    assert!(text.contains("no, that of example 2 is the first that is not"), "{text}");
    assert!(warnings.len() == 1 && warnings[0].contains("W0103") && warnings[0].contains("example 2"), "{warnings:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.tome").display().to_string();
    std::fs::write(&path, source).unwrap();
    let (status, out, err) = microtome(&["check", "--per-example", &path]);
    assert!(status == Some(1) && out.contains("5 examples") && err.contains("W0103"), "{out}{err}");
}

#[test]
fn a_program_without_such_gradients_says_so() {
    let (text, warnings) = checked("print(1)\n", &[]);
    assert!(text.contains("no gradient of a single example") && warnings.is_empty());
}

#[test]
fn steps_say_what_they_fuse_and_why_they_end() {
    let source = "fn f(x: f64[n, d], w: f64[d, k]) -> f64[n, k] {
    let a = tanh(x @ w + 1.0)
    a / sum(a, axis=1, keepdims=true)
}";
    let explanation = explained(source, Some("f"), &[]);
    let part = &json(&explanation)["parts"][0];
    let steps = part["steps"].as_array().unwrap();
    let told: Vec<(String, Value, &str)> = steps
        .iter()
        .map(|step| {
            let operators: Vec<&str> = step["operators"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            (operators.join(" "), step["read_by"].clone(), step["held"].as_str().unwrap())
        })
        .collect();
    let wanted = [
        ("", serde_json::json!([2]), "a matrix product is a step of its own"),
        ("add tanh", serde_json::json!([3, 4]), "several steps read it, and computing it again costs more than a load"),
        ("sum", serde_json::json!([4]), "a reduction is complete before it is read"),
        ("divide", serde_json::json!([]), "a result"),
    ];
    for (told, wanted) in told.iter().zip(&wanted) {
        assert_eq!((told.0.as_str(), &told.1, told.2), (wanted.0, &wanted.1, wanted.2));
    }
    assert_eq!(told.len(), wanted.len());
    assert_eq!(steps[3]["together_up_to"], 4, "the rows are divided while they are in cache");
    let text = explanation.text();
    assert!(text.contains("add, tanh; for 3, 4: several steps read it"), "{text}");
}

#[test]
fn reductions_that_share_a_loop_say_so() {
    let explanation = explained("fn f(x: f64[n]) = (mean(x), sum(x * x))", Some("f"), &[]);
    let steps = json(&explanation)["parts"][0]["steps"].clone();
    let steps = steps.as_array().unwrap();
    let shared: Vec<bool> = steps.iter().map(|step| step["one_loop"].as_bool().unwrap()).collect();
    assert_eq!(shared, [true, true, false]);
    let text = explanation.text();
    assert!(text.contains("reads the same array as the steps up to 2, in one loop"), "{text}");
}
