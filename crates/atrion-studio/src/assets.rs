// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The page: HTML, CSS and ES modules, as they are in `assets/`. Nothing builds them, and nothing
//! else is loaded.

/// One file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asset {
    /// Its path on the server.
    pub path: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// Its content.
    pub content: &'static str,
}

macro_rules! assets {
    ($($path:literal, $kind:ident;)+) => {
        /// Every file of the page.
        pub const ALL: &[Asset] = &[$(Asset {
            path: concat!("/assets/", $path),
            media_type: $kind,
            content: include_str!(concat!("../assets/", $path)),
        }),+];
    };
}

const JS: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const HTML: &str = "text/html; charset=utf-8";

assets! {
    "index.html", HTML;
    "style.css", CSS;
    "icon.svg", SVG;
    "app.js", JS;
    "store.js", JS;
    "line.js", JS;
    "stream.js", JS;
    "dom.js", JS;
    "format.js", JS;
    "chart.js", JS;
    "views/overview.js", JS;
    "views/routes.js", JS;
    "views/route.js", JS;
    "views/fleet.js", JS;
    "views/events.js", JS;
    "views/past.js", JS;
    "views/whatif.js", JS;
    "views/overrides.js", JS;
    "views/leases.js", JS;
    "views/parts.js", JS;
    "views/license.js", JS;
    "views/signin.js", JS;
}

/// The page itself.
pub(crate) const INDEX: &str = include_str!("../assets/index.html");

/// What a browser loads, in bytes, before any data.
#[must_use]
pub fn weight() -> usize {
    ALL.iter().map(|asset| asset.content.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most that the page may weigh, in kilobytes, uncompressed.
    const LIGHT: usize = 150;

    #[test]
    fn the_page_is_light() {
        let kilobytes = weight().div_ceil(1_000);
        println!("{} files, {kilobytes} kB in all, uncompressed", ALL.len());
        assert!(kilobytes <= LIGHT, "{kilobytes} kB");
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_and_no_markup_is_made_from_data() {
        for Asset { path, content, .. } in ALL {
            for line in content.lines() {
                let allowed = line.contains("http://www.w3.org/2000/svg");
                assert!(allowed || !line.contains("http://") && !line.contains("https://"), "{path}: {line}");
                for sink in
                    ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcdoc"]
                {
                    assert!(!line.contains(sink), "{path}: {line}");
                }
                assert!(!line.contains(" style=\"") && !line.contains(" onclick="), "{path}: {line}");
            }
        }
    }

    #[test]
    fn every_address_is_relative_so_that_a_proxy_can_serve_it_below_a_path() {
        for Asset { path, content, .. } in ALL {
            for line in content.lines() {
                for place in ["assets/", "studio/", "session", "api/"] {
                    for quote in ['"', '`', '\''] {
                        assert!(!line.contains(&format!("{quote}/{place}")), "{path}: {line}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_module_that_is_imported_is_there() {
        for Asset { path, content, .. } in ALL {
            let folder = &path[..=path.rfind('/').unwrap()];
            for line in content.lines().filter(|line| line.starts_with("import ")) {
                let name = line.split('"').nth(1).unwrap_or_else(|| panic!("{path}: {line}"));
                let target = match name.strip_prefix("../") {
                    Some(name) => format!("/assets/{name}"),
                    None => format!("{folder}{}", name.strip_prefix("./").unwrap()),
                };
                assert!(ALL.iter().any(|asset| asset.path == target), "{path} imports {target}");
            }
        }
    }
}
