//! Writes XML, as much of it as the query protocols need: elements with text or elements in them.

/// A document being written.
pub(crate) struct Xml(String);

impl Xml {
    /// A whole document with this root.
    pub(crate) fn document(root: &str, namespace: Option<&str>, content: impl FnOnce(&mut Xml)) -> String {
        let mut xml = Xml(r#"<?xml version="1.0" encoding="UTF-8"?>"#.to_owned());
        xml.0.push('\n');
        match namespace {
            Some(namespace) => xml.0.push_str(&format!(r#"<{root} xmlns="{namespace}">"#)),
            None => xml.0.push_str(&format!("<{root}>")),
        }
        content(&mut xml);
        xml.0.push_str(&format!("</{root}>"));
        xml.0
    }

    /// An element with elements in it.
    pub(crate) fn element(&mut self, name: &str, content: impl FnOnce(&mut Xml)) {
        self.tag("<", name);
        content(self);
        self.tag("</", name);
    }

    /// An element with text in it.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.tag("<", name);
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '\r' => self.0.push_str("&#13;"),
                // Not in XML 1.0, in no spelling.
                '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                    self.0.push('\u{fffd}')
                }
                c => self.0.push(c),
            }
        }
        self.tag("</", name);
    }

    fn tag(&mut self, bracket: &str, name: &str) {
        self.0.push_str(bracket);
        self.0.push_str(name);
        self.0.push('>');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        let document = Xml::document("a", Some("urn:x"), |xml| {
            xml.element("b", |xml| xml.text("c", "1 < 2 & \u{1}\r]]>"))
        });
        assert_eq!(
            document,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a xmlns=\"urn:x\"><b><c>1 &lt; 2 &amp; \u{fffd}&#13;]]&gt;</c></b></a>"
        );
    }
}
