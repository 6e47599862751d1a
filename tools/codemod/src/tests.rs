// SPDX-License-Identifier: Apache-2.0
//! What is rewritten, noted and left alone, on the trees in `samples/`.

use std::path::{Path, PathBuf};

use crate::edit::Done;
use crate::files;
use crate::migrate::migrate;
use crate::prove::Told;

fn samples(which: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(which)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_sample_trees_become_what_they_should() {
    let (before, after) = (samples("before"), samples("after"));
    let found = files::below(std::slice::from_ref(&before)).unwrap();
    assert_eq!(found.len(), files::below(std::slice::from_ref(&after)).unwrap().len());
    for path in found {
        let name = path.strip_prefix(&before).unwrap();
        let (new, _) = migrate(&read(&path), &Told::default()).unwrap();
        let expected = read(&after.join(name));
        for (number, (new, expected)) in new.lines().zip(expected.lines()).enumerate() {
            assert_eq!(new, expected, "line {} of {}", number + 1, name.display());
        }
        assert_eq!(new, expected, "{}", name.display());
    }
}

#[test]
fn run_twice_it_changes_nothing() {
    for path in files::below(&[samples("before"), samples("after")]).unwrap() {
        let (once, first) = migrate(&read(&path), &Told::default()).unwrap();
        let (twice, second) = migrate(&once, &Told::default()).unwrap();
        assert_eq!(once, twice, "{}", path.display());
        let uses = |done: &Done| done.noted + done.known;
        assert_eq!(
            (second.rewritten, second.noted, second.known),
            (0, 0, uses(&first)),
            "{}",
            path.display()
        );
    }
}

#[test]
fn what_it_makes_parses() {
    for path in files::below(&[samples("after")]).unwrap() {
        assert!(syn::parse_file(&read(&path)).is_ok(), "{}", path.display());
    }
}

/// With what only the caller knows, more uses can be proven.
#[test]
fn the_caller_may_name_an_instance_and_a_route() {
    let text = "use atrion_core::update_physics;\nfn tick(s: &S, t: T) {\n    let _ = update_physics(s, Pressure::of(t, b, 1.0)?, w, c, now);\n}\n";
    let (noted, done) = migrate(text, &Told::default()).unwrap();
    assert_eq!((done.rewritten, done.noted), (0, 1), "{noted}");
    let told = Told { instance: Some("crate::atrion()".into()), route: Some("api".into()) };
    let (new, done) = migrate(text, &told).unwrap();
    assert_eq!(new, "fn tick(s: &S, t: T) {\n    let _ = crate::atrion().update_physics(\"api\", t)?;\n}\n");
    assert_eq!((done.rewritten, done.noted), (1, 0));
}

#[test]
fn line_ends_and_multibyte_text_stay_as_they_are() {
    let text = "use atrion_core::update_physics;\r\nfn f(s: S) {\r\n\tlet ohm = \"\u{2126}\u{1f600}\"; update_physics(ohm);\r\n}\r\n";
    let (new, done) = migrate(text, &Told::default()).unwrap();
    assert_eq!(done.noted, 1);
    let added: Vec<_> = new.lines().filter(|line| line.contains("atrion-codemod")).collect();
    assert!(added[0].starts_with("\t// atrion-codemod:"), "{added:?}");
    assert_eq!(new.matches("\r\n").count(), text.matches("\r\n").count() + 1);
    assert_eq!(new.replace(&format!("{}\r\n", added[0]), ""), text);
}

#[test]
fn a_file_that_does_not_parse_is_an_error_and_not_a_guess() {
    assert!(migrate("fn update_physics( {", &Told::default()).is_err());
    let unrelated = "this is not even Rust (";
    assert_eq!(migrate(unrelated, &Told::default()).unwrap().0, unrelated);
}

/// The type checker sees that the method in the rewritten text exists with this signature.
#[test]
fn the_method_that_it_writes_exists() {
    fn tell(atrion: &atrion::Atrion, seen: atrion::Telemetry) -> Result<(), atrion::TelemetryError> {
        let _ = atrion.update_physics("api/checkout", seen)?;
        let _: atrion::Mode = atrion.update_physics("api/checkout", seen)?.mode;
        let _: atrion::Ohms = atrion.update_physics("api/checkout", seen)?.resistance;
        Ok(())
    }
    fn pressure(seen: atrion::Telemetry, b: &atrion::rfc::Baselines) -> Result<(), atrion::TelemetryError> {
        // The same error type, so `?` stays possible.
        atrion::rfc::Pressure::of(seen, b, 1.0).map(drop)
    }
    let _ = (tell as fn(&_, _) -> _, pressure as fn(_, &_) -> _);
}
