// SPDX-License-Identifier: Apache-2.0
//! Route templates: `GET /carts/{cart}`. The name of a request's route is the text of the template
//! that matches it, never its path, so that clients cannot invent routes.

use std::collections::HashMap;
use std::fmt;

use http::Method;

/// A method and a path with places: `GET /carts/{cart}/items`, `* /assets/{*rest}`.
///
/// - `{name}` stands for one segment that is not empty, `{*name}` for all that is left. Names are for
///   readers.
/// - Everything else is compared as it is on the wire, with its percent signs and letter case.
/// - `*` in place of the method stands for every method. A HEAD request belongs to the template of GET
///   where it has none of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    method: Option<Method>,
    segments: Vec<Segment>,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    One,
    Rest,
}

/// Why a text is no template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// Over 256 bytes: the longest name of a route.
    #[error("a template has at most 256 bytes")]
    TooLong,
    /// There is no method, or none that could be one.
    #[error("a template begins with a method or `*`, and a space")]
    Method,
    /// The path does not begin with a slash, or has characters that no path has.
    #[error("the path of a template begins with `/` and has no spaces, `?` or `#`")]
    Path,
    /// A brace in the middle of a segment, or without a name.
    #[error("a place is a whole segment: `{{name}}`, or `{{*name}}` at the end")]
    Place,
    /// A segment `.` or `..`, which no request may have.
    #[error("a template has no segments `.` and `..`")]
    Dots,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > 256 {
            return Err(TemplateError::TooLong);
        }
        let (method, path) = text.split_once(' ').ok_or(TemplateError::Method)?;
        let method = match method {
            "*" => None,
            // Methods know letter cases; one in lower case is most likely a mistake.
            name if name.bytes().any(|byte| byte.is_ascii_lowercase()) => return Err(TemplateError::Method),
            name => Some(name.parse().map_err(|_| TemplateError::Method)?),
        };
        let is_odd = |byte: u8| !byte.is_ascii_graphic() || byte == b'?' || byte == b'#';
        if !path.starts_with('/') || path.bytes().any(is_odd) {
            return Err(TemplateError::Path);
        }
        let parts: Vec<_> = segments(path).collect();
        let last = parts.len() - 1;
        let read = |(n, part): (usize, &&str)| Segment::parse(part, n == last);
        let segments = parts.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { method, segments, text: text.to_owned() })
    }

    /// The template as it was written: the name of its route.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Segment {
    fn parse(part: &str, is_last: bool) -> Result<Self, TemplateError> {
        if is_dots(part) {
            return Err(TemplateError::Dots);
        }
        if !part.contains(['{', '}']) {
            return Ok(Self::Literal(part.to_owned()));
        }
        let name = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let name = name.ok_or(TemplateError::Place)?;
        let (name, segment) = match name.strip_prefix('*') {
            Some(name) if is_last => (name, Self::Rest),
            Some(_) => return Err(TemplateError::Place),
            None => (name, Self::One),
        };
        let is_name = !name.is_empty() && !name.contains(['{', '}', '*']);
        is_name.then_some(segment).ok_or(TemplateError::Place)
    }
}

/// The segments of a path that begins with a slash.
fn segments(path: &str) -> std::str::Split<'_, char> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

/// Whether a segment is `.` or `..`, also with its dots escaped: what the service would make of the
/// path is then another one than what stands here.
fn is_dots(segment: &str) -> bool {
    if segment.len() > 6 || !segment.starts_with(['.', '%']) {
        return false;
    }
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

/// Whether a path has segments `.` or `..`. Such a path matches nothing: what it means is decided
/// by the service behind, and a rule here would be decided by the client.
#[must_use]
pub fn has_dots(path: &str) -> bool {
    segments(path).any(is_dots)
}

/// Templates, to find the one that matches a request. A literal goes before a place, a place before
/// a rest, a named method before all methods; the order of insertion decides nothing.
#[derive(Debug, Default)]
pub struct Templates {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    one: Option<Box<Node>>,
    here: Leaf,
    rest: Leaf,
}

#[derive(Debug, Default)]
struct Leaf {
    by_method: Vec<(Method, usize)>,
    any: Option<usize>,
}

impl Templates {
    /// Adds a template with a number.
    ///
    /// # Errors
    /// Another template matches exactly the same requests; its number.
    pub fn insert(&mut self, template: &Template, number: usize) -> Result<(), usize> {
        let mut node = &mut self.root;
        let mut is_rest = false;
        for segment in &template.segments {
            match segment {
                Segment::Literal(text) => node = node.literals.entry(text.clone()).or_default(),
                Segment::One => node = node.one.get_or_insert_default(),
                Segment::Rest => is_rest = true,
            }
        }
        let leaf = if is_rest { &mut node.rest } else { &mut node.here };
        leaf.insert(template.method.as_ref(), number)
    }

    /// The number of the template that matches. `path` is the path of the request, without a query.
    #[must_use]
    pub fn find(&self, method: &Method, path: &str) -> Option<usize> {
        if !path.starts_with('/') || has_dots(path) {
            return None;
        }
        self.root.find(method, Some(path.get(1..)?))
    }
}

impl Node {
    /// Every node is looked at once at the most: its depth is the number of the segment.
    fn find(&self, method: &Method, left: Option<&str>) -> Option<usize> {
        let Some(left) = left else { return self.here.find(method) };
        let (segment, next) = match left.split_once('/') {
            Some((segment, next)) => (segment, Some(next)),
            None => (left, None),
        };
        let literal = self.literals.get(segment).and_then(|node| node.find(method, next));
        let one = || self.one.as_ref().filter(|_| !segment.is_empty())?.find(method, next);
        literal.or_else(one).or_else(|| self.rest.find(method))
    }
}

impl Leaf {
    fn insert(&mut self, method: Option<&Method>, number: usize) -> Result<(), usize> {
        let taken = match method {
            None => self.any,
            Some(method) => self.by_method.iter().find(|(other, _)| other == method).map(|(_, n)| *n),
        };
        match (taken, method) {
            (Some(other), _) => return Err(other),
            (None, None) => self.any = Some(number),
            (None, Some(method)) => self.by_method.push((method.clone(), number)),
        }
        Ok(())
    }

    fn find(&self, method: &Method) -> Option<usize> {
        let by =
            |wanted: &Method| self.by_method.iter().find(|(method, _)| method == wanted).map(|(_, n)| *n);
        let as_get = || (*method == Method::HEAD).then(|| by(&Method::GET)).flatten();
        by(method).or_else(as_get).or(self.any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(list: &[&str]) -> Templates {
        let mut templates = Templates::default();
        for (number, text) in list.iter().enumerate() {
            templates.insert(&Template::parse(text).unwrap(), number).unwrap();
        }
        templates
    }

    #[test]
    fn the_most_exact_template_matches_in_any_order() {
        let list = [
            "GET /carts/{cart}",
            "GET /carts/new",
            "* /carts/{cart}",
            "GET /{*rest}",
            "* /a/{x}/b",
            "* /a/b/{*y}",
        ];
        let templates = templates(&list);
        for (method, path, wanted) in [
            ("GET", "/carts/7", Some(0)),
            ("GET", "/carts/new", Some(1)),
            ("HEAD", "/carts/new", Some(1)),
            ("POST", "/carts/new", Some(2)),
            ("GET", "/carts/", Some(3)),
            ("GET", "/", Some(3)),
            ("GET", "/carts/7/items", Some(3)),
            ("POST", "/carts/7/items", None),
            ("POST", "/a/b/b", Some(5)),
            ("POST", "/a/c/b", Some(4)),
            ("POST", "/a/b/c/d", Some(5)),
            ("POST", "/a//b", None),
            ("GET", "/Carts/new", Some(3)),
        ] {
            assert_eq!(templates.find(&method.parse().unwrap(), path), wanted, "{method} {path}");
        }
    }

    #[test]
    fn paths_with_dots_match_nothing() {
        let templates = templates(&["* /{*rest}"]);
        for path in ["/a/../b", "/..", "/a/./b", "/%2e%2E/b", "/.%2e", "/a/%2e", "*", ""] {
            assert_eq!(templates.find(&Method::GET, path), None, "{path}");
        }
        for path in ["/a/...", "/.well-known", "/a/..b", "/%2e%2e%2e", "/%zz"] {
            assert_eq!(templates.find(&Method::GET, path), Some(0), "{path}");
        }
    }

    #[test]
    fn what_is_no_template_says_why() {
        use TemplateError::*;
        let long = format!("GET /{}", "x".repeat(256));
        for (text, why) in [
            (&*long, TooLong),
            ("", Method),
            ("/a", Method),
            ("get /a", Method),
            ("G(T /a", Method),
            ("GET a", Path),
            ("GET /a b", Path),
            ("GET /a?b", Path),
            ("GET /ä", Path),
            ("GET /a#", Path),
            ("GET /{", Place),
            ("GET /{}", Place),
            ("GET /a{b}", Place),
            ("GET /{*}", Place),
            ("GET /{*a}/b", Place),
            ("GET /{a}{b}", Place),
            ("GET /../a", Dots),
            ("GET /%2e", Dots),
        ] {
            assert_eq!(Template::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn two_templates_for_the_same_requests_are_told() {
        let mut both = templates(&["GET /a/{x}"]);
        assert_eq!(both.insert(&Template::parse("GET /a/{y}").unwrap(), 1), Err(0));
        assert_eq!(both.insert(&Template::parse("PUT /a/{y}").unwrap(), 1), Ok(()));
    }
}
