//! Opens a web page in the user's browser, where there is one.

use std::process::{Command, Stdio};

/// Starts the browser and does not wait for it; says whether something was started. Without a graphical desktop nothing
/// is, or a browser for terminals would take ours.
pub fn open(url: &str) -> bool {
    if !is_web(url) {
        return false;
    }
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else if set("DISPLAY") || set("WAYLAND_DISPLAY") {
        "xdg-open"
    } else {
        return false;
    };
    let quiet = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    match quiet(Command::new(opener).arg(url)) {
        Ok(mut child) => {
            // Somebody must take its exit code.
            std::thread::spawn(move || child.wait());
            true
        }
        Err(error) => {
            tracing::debug!(opener, %error, "no browser");
            false
        }
    }
}

/// The address comes from the network: nothing but a page, and nothing that a program could take for an option.
fn is_web(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_are_opened() {
        assert!(is_web("https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH"));
        for other in ["file:///etc/passwd", "--new-window", "javascript:alert(1)", "https://", "x"] {
            assert!(!is_web(other), "{other}");
        }
    }
}
