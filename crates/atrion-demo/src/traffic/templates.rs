// SPDX-License-Identifier: Apache-2.0
//! Recorded paths reduced to a bounded number of route templates.
//!
//! A log holds arbitrary paths. The first segment of a path tells the part of the site that it
//! belongs to. The most visited segments become routes of their own and all others share one, so
//! neither the router nor the guard grows with invented paths.

use std::collections::HashMap;

use super::RouteSpec;

/// The most routes beside the shared one.
const TEMPLATES: usize = 11;

/// The share of the requests that need the dependency, as the checkouts of the shop do.
const NEED_DEPENDENCY: f64 = 0.3;

/// Counts the first segments of a log, and then turns them into routes.
#[derive(Debug, Default)]
pub(super) struct Census {
    visits: HashMap<String, u64>,
    total: u64,
}

impl Census {
    pub(super) fn count(&mut self, segment: &str) {
        self.total += 1;
        if let Some(visits) = self.visits.get_mut(segment) {
            *visits += 1;
        } else if self.visits.len() < DISTINCT {
            self.visits.insert(segment.to_owned(), 1);
        }
    }

    pub(super) fn into_templates(self) -> Templates {
        let mut ranking: Vec<(String, u64)> = self.visits.into_iter().collect();
        // Ties are broken by name: the order of a hash map must not reach the report.
        ranking.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        ranking.truncate(TEMPLATES);

        // The dependency goes to the routes from the second rank on, until their share is reached:
        // the most visited one stays independent, as search does in the shop.
        let wanted = (self.total as f64 * NEED_DEPENDENCY) as u64;
        let mut given = 0;
        let mut routes = Vec::with_capacity(ranking.len() + 1);
        let mut index = HashMap::new();
        for (rank, (segment, visits)) in ranking.into_iter().enumerate() {
            let needs_dependency = rank > 0 && given + visits <= wanted;
            given += if needs_dependency { visits } else { 0 };
            routes.push(RouteSpec { pattern: format!("/{segment}/{{*rest}}"), needs_dependency });
            index.insert(segment, rank);
        }
        routes.push(RouteSpec { pattern: "/{*rest}".to_owned(), needs_dependency: false });
        Templates { routes, index }
    }
}

/// The routes of a log.
#[derive(Debug)]
pub(super) struct Templates {
    /// The last one is the shared one.
    pub(super) routes: Vec<RouteSpec>,
    index: HashMap<String, usize>,
}

impl Templates {
    /// The route of a segment, and a path that the router sends there. What follows the first
    /// segment is replaced by a hash: distinct paths stay distinct and hostile ones cannot reach
    /// the router.
    pub(super) fn place(&self, segment: &str, rest: u64) -> (usize, String) {
        match self.index.get(segment) {
            Some(route) => (*route, format!("/{segment}/{rest:x}")),
            None => (self.routes.len() - 1, format!("/~/{rest:x}")),
        }
    }
}

/// The first segment of a request target; empty for the root and for everything that cannot be a
/// literal part of a route.
pub(super) fn first_segment(target: &str) -> &str {
    let path = match target.split_once("://") {
        // A proxy's absolute form: the path begins after the authority.
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => rest.find('/').map_or("", |at| &rest[at..]),
        _ => target,
    };
    let Some(path) = path.strip_prefix('/') else { return "" };
    let segment = path.split(['/', '?', '#']).next().unwrap_or("");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if segment.len() <= 32 && segment.bytes().all(plain) { segment } else { "" }
}

/// The most segments that are counted. Popular ones come early; the inventions of a scanner must
/// not fill the memory.
const DISTINCT: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(visits: &[(&str, u64)]) -> Templates {
        let mut census = Census::default();
        for (segment, times) in visits {
            (0..*times).for_each(|_| census.count(segment));
        }
        census.into_templates()
    }

    #[test]
    fn the_first_segment_is_found_in_every_form_of_target() {
        for (target, segment) in [
            ("/blog/2015/may?x=1", "blog"),
            ("/favicon.ico", "favicon.ico"),
            ("/search?q=/a", "search"),
            ("http://example.org/blog/x", "blog"),
            ("http://example.org", ""),
            ("/?next=http://example.org/blog", ""),
            ("/", ""),
            ("//blog", ""),
            ("*", ""),
            ("/%2e%2e/etc", ""),
            ("/{*all}/x", ""),
            ("/ünter", ""),
            ("/abcdefghijklmnopqrstuvwxyzabcdefghij", ""),
        ] {
            assert_eq!(first_segment(target), segment, "{target}");
        }
    }

    #[test]
    fn routes_are_bounded_and_the_rest_shares_one() {
        let names: Vec<String> = (0..50).map(|n| format!("s{n:02}")).collect();
        let visits: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 2)).collect();
        let templates = templates(&visits);
        assert_eq!(templates.routes.len(), TEMPLATES + 1);
        assert_eq!(templates.place("s00", 255), (0, "/s00/ff".to_owned()));
        assert_eq!(templates.place("s49", 1), (TEMPLATES, "/~/1".to_owned()));
    }

    #[test]
    fn about_a_third_of_the_visits_needs_the_dependency() {
        let templates = templates(&[("a", 50), ("b", 40), ("c", 20), ("d", 9), ("e", 1)]);
        let needing: Vec<&str> =
            templates.routes.iter().filter(|r| r.needs_dependency).map(|r| r.pattern.as_str()).collect();
        // b alone would be a third of all 120 visits, which is too much; c, d and e are a quarter.
        assert_eq!(needing, ["/c/{*rest}", "/d/{*rest}", "/e/{*rest}"]);
    }
}
