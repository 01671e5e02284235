//! The templates of a manifest: text with `{{ variable }}` in it.
//!
//! What a variable is worth is not known here: see `variables`. There are no filters, no escapes and no nesting.

use anyhow::bail;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

/// A piece of a template, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(String),
}

impl Template {
    /// Parses `text`; an opening `{{` without its `}}` is an error.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let Some((name, after)) = after.split_once("}}") else {
                bail!("unmatched '{{{{' in template");
            };
            parts.push(Part::Variable(name.trim().to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// Whether the template says the same whatever the variables are.
    pub(crate) fn is_literal(&self) -> bool {
        self.variables().next().is_none()
    }

    /// The names of the variables in the template.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// The text with every variable replaced by what `value` says it is.
    pub(crate) fn render<E>(&self, mut value: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable(name) => text.push_str(&value(name)?),
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    // The rules are those of Spin's crates/expressions/src/template.rs.
    use super::*;

    fn shout(name: &str) -> Result<String, ()> {
        Ok(name.to_uppercase())
    }

    #[test]
    fn variables_are_replaced_wherever_they_stand() {
        for (template, rendered) in [
            ("", ""),
            ("plain", "plain"),
            ("{{ a }}", "A"),
            ("{{a}}{{ b }}", "AB"),
            ("x-{{ a }}-y-{{b}}-z", "x-A-y-B-z"),
            ("}} { a }", "}} { a }"),
        ] {
            assert_eq!(Template::parse(template).unwrap().render(shout).unwrap(), rendered, "{template}");
        }
    }

    #[test]
    fn an_opening_brace_without_its_end_is_an_error() {
        Template::parse("{{ a }} {{ b").unwrap_err();
    }

    #[test]
    fn a_template_without_variables_is_literal() {
        assert!(Template::parse("postgres://db:5432").unwrap().is_literal());
        assert!(!Template::parse("{{ host }}").unwrap().is_literal());
    }
}
