//! A tool's schema whose top level says several things at once, said as one object's.

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use serde_json::value::RawValue;

use super::{Feature, Json, Lost, Members, Readings, push_key};

/// The most levels of combined schemas that are looked at.
const DEEPEST: u32 = 16;

/// The most ways in which one property is told; beyond, it may be anything.
const MOST_WAYS: usize = 64;

/// What combines schemas.
const COMBINES: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// What says nothing of what fits.
const SAYS_NOTHING: [&str; 9] = [
    "title",
    "description",
    "$comment",
    "$schema",
    "$id",
    "$defs",
    "definitions",
    "examples",
    "deprecated",
];

/// Returns `schema` as that of one object, without `anyOf`, `oneOf` and `allOf`
/// at its top level, which providers refuse there, and without what else is
/// `refused` there; `None` if there is none of that.
///
/// Every object that fits the one fits the other, as long as it has no
/// properties that only another of several schemas names: those of all of them
/// may be there, and those that all of them require must be. What is said once
/// too often is said as it was first. Where that is less than was asked,
/// [`Feature::ToolSchema`] is lost.
///
/// # Source
///
/// Anthropic's "input_schema does not support oneOf, allOf, or anyOf at the top
/// level" (anthropics/claude-code, issue 5319); OpenAI's "schema must have type
/// 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level".
/// Gemini takes them (samchon/openapi, `IGeminiSchema`).
pub(in crate::dialect) fn flat(schema: &Json, refused: &[&str], lost: &mut Lost) -> Option<Json> {
    let Members(fields) = Members::of(schema.get())?;
    let is_refused = |name: &str| COMBINES.contains(&name) || refused.contains(&name);
    if !fields.iter().any(|(name, _)| is_refused(name)) {
        return None;
    }
    let mut reader = Reader::new(&fields, schema.get());
    // One that no object fits is the provider's to refuse.
    let shape = reader.combined(&fields, DEEPEST, true)?;
    let mut out = String::with_capacity(schema.get().len());
    out.push_str(r#"{"type":"object""#);
    let mut first = false;
    for (name, raw) in &fields {
        match &**name {
            "type" | "properties" | "required" => {}
            name if COMBINES.contains(&name) => {}
            name if refused.contains(&name) => reader.exact = false,
            name => {
                push_key(name, &mut first, &mut out)?;
                out.push_str(raw.get());
            }
        }
    }
    push_key("properties", &mut first, &mut out)?;
    shape.write_properties(&mut out)?;
    if !shape.required.is_empty() {
        push_key("required", &mut first, &mut out)?;
        out.push_str(&serde_json::to_string(&shape.required).ok()?);
    }
    let has = |wanted: &str| fields.iter().any(|(name, _)| name == wanted);
    if shape.closed && !has("additionalProperties") && !has("patternProperties") {
        push_key("additionalProperties", &mut first, &mut out)?;
        out.push_str("false");
    }
    out.push('}');
    if !reader.exact {
        lost.feature(Feature::ToolSchema);
    }
    Json::parse(&out)
}

/// What an object must be like.
#[derive(Clone, Default)]
struct Shape<'a> {
    /// Its properties in order, each with the ways in which it is told.
    properties: Vec<(Cow<'a, str>, Vec<&'a str>)>,
    /// Where each of them is.
    places: HashMap<Cow<'a, str>, usize>,
    /// Those that must be there.
    required: BTreeSet<Cow<'a, str>>,
    /// Whether there may be no others.
    closed: bool,
}

impl<'a> Shape<'a> {
    fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    fn add(&mut self, name: Cow<'a, str>, ways: Vec<&'a str>) {
        self.places.insert(name.clone(), self.properties.len());
        self.properties.push((name, ways));
    }

    /// Makes it fit `other` as well; tells whether that can be said in full.
    fn and(&mut self, other: Self) -> bool {
        let mut exact = true;
        for (name, ways) in other.properties {
            match self.place(&name) {
                Some(at) => exact &= self.properties[at].1 == ways,
                None => self.add(name, ways),
            }
        }
        self.required.extend(other.required);
        self.closed |= other.closed;
        exact
    }

    /// Makes it fit what fits `other` as well.
    fn or(&mut self, other: Self) {
        for (name, ways) in other.properties {
            let Some(at) = self.place(&name) else {
                self.add(name, ways);
                continue;
            };
            let known = &mut self.properties[at].1;
            for way in ways {
                if known.len() <= MOST_WAYS && !known.contains(&way) {
                    known.push(way);
                }
            }
        }
        self.required.retain(|name| other.required.contains(name));
        self.closed &= other.closed;
    }

    fn write_properties(&self, out: &mut String) -> Option<()> {
        out.push('{');
        let mut first = true;
        for (name, ways) in &self.properties {
            push_key(name, &mut first, out)?;
            match ways.as_slice() {
                [way] => out.push_str(way),
                ways if ways.len() > MOST_WAYS => out.push_str("{}"),
                ways => {
                    out.push_str(r#"{"anyOf":["#);
                    out.push_str(&ways.join(","));
                    out.push_str("]}");
                }
            }
        }
        out.push('}');
        Some(())
    }
}

/// Reads schemas of objects.
struct Reader<'a> {
    /// What is defined for others to refer to, by its place.
    defined: HashMap<String, &'a str>,
    readings: Readings,
    /// Whether all that was read has its place in a [`Shape`].
    exact: bool,
}

impl<'a> Reader<'a> {
    fn new(root: &[(Cow<'a, str>, &'a RawValue)], text: &str) -> Self {
        let mut defined = HashMap::new();
        for (place, raw) in root {
            if matches!(&**place, "$defs" | "definitions")
                && let Some(Members(all)) = Members::of(raw.get())
            {
                let of = |(name, raw): (Cow<'_, str>, &'a RawValue)| {
                    (format!("#/{place}/{name}"), raw.get())
                };
                defined.extend(all.into_iter().map(of));
            }
        }
        Self {
            defined,
            readings: Readings::of(text),
            exact: true,
        }
    }

    /// Says that what was read may be anything.
    fn anything(&mut self) -> Shape<'a> {
        self.exact = false;
        Shape::default()
    }

    /// Reads one schema; `None` if no object fits it.
    fn read(&mut self, schema: &'a str, levels: u32) -> Option<Shape<'a>> {
        if levels == 0 || self.readings.count(schema).is_none() {
            return Some(self.anything());
        }
        match Members::of(schema) {
            Some(Members(fields)) => self.combined(&fields, levels - 1, false),
            // Where a schema may stand, `true` and `false` may, too.
            None => (schema != "false").then(Shape::default),
        }
    }

    /// Reads the members of one schema, of which what stands at the root beside
    /// the rest stays there.
    fn combined(
        &mut self,
        fields: &[(Cow<'a, str>, &'a RawValue)],
        levels: u32,
        is_root: bool,
    ) -> Option<Shape<'a>> {
        let mut shape = Shape::default();
        let mut parts = Vec::new();
        let mut has_patterns = false;
        for (name, raw) in fields {
            let json = raw.get();
            match &**name {
                "type" if json.contains("\"object\"") => {}
                "type" => return None,
                "properties" => match Members::of(json) {
                    Some(Members(all)) => {
                        let own = all.into_iter().map(|(name, raw)| (name, vec![raw.get()]));
                        own.for_each(|(name, ways)| shape.add(name, ways));
                    }
                    None => self.exact = false,
                },
                "required" => match serde_json::from_str::<Vec<String>>(json) {
                    Ok(names) => shape.required.extend(names.into_iter().map(Cow::Owned)),
                    Err(_) => self.exact = false,
                },
                "additionalProperties" if json == "false" => shape.closed = true,
                "additionalProperties" if is_root || matches!(json, "true" | "{}") => {}
                "allOf" => {
                    for part in self.list(json) {
                        parts.push(self.read(part.get(), levels)?);
                    }
                }
                "anyOf" | "oneOf" => parts.push(self.one_of(json, levels)?),
                "patternProperties" => has_patterns = true,
                _ if is_root || SAYS_NOTHING.contains(&&**name) => {}
                "$ref" => {
                    let place = serde_json::from_str::<Cow<'_, str>>(json).unwrap_or_default();
                    parts.push(match self.defined.get(&*place).copied() {
                        Some(schema) => self.read(schema, levels)?,
                        None => self.anything(),
                    });
                }
                _ => self.exact = false,
            }
        }
        if has_patterns && !is_root {
            self.exact = false;
            shape.closed = false;
        }
        for part in parts {
            self.exact &= shape.and(part);
        }
        Some(shape)
    }

    /// Reads schemas of which an object must fit one.
    fn one_of(&mut self, json: &'a str, levels: u32) -> Option<Shape<'a>> {
        let list = self.list(json);
        let read = |raw: &'a RawValue| self.read(raw.get(), levels);
        let mut shapes = list
            .into_iter()
            .filter_map(read)
            .collect::<Vec<_>>()
            .into_iter();
        let mut any = shapes.next()?;
        for shape in shapes {
            self.exact = false;
            any.or(shape);
        }
        Some(any)
    }

    fn list(&mut self, json: &'a str) -> Vec<&'a RawValue> {
        let list = serde_json::from_str(json);
        self.exact &= list.is_ok();
        list.unwrap_or_default()
    }
}
