//! How a command's two streams and its exit code come back over a document that has one stream and no code (Amazon's own
//! AWS-StartNonInteractiveCommand). The command is wrapped there; its output comes framed and is taken apart here:
//!
//! ```text
//! ssmtui-<nonce> base64      the header, or `od …` where the node has no base64: then it is hexadecimal
//! aGVsbG8K                   standard output; blanks and line ends mean nothing
//! !e
//! b29wcw==                   standard error
//! !x3!                       the exit code: without this line the frame is not whole
//! ```
//!
//! Letters only, since the agent's pump is not clean for bytes that are no UTF-8 (protocol.md 8.4). Pure.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};

/// Without a temporary folder nothing can be kept apart; 125 is what env(1) and its kin say of themselves. A `wait` that a
/// signal broke off is done again: whether the child still runs can't be asked, since dash reaps it after any command. A
/// `wait` too many answers 127, which then is not the child's.
const UNIX: &str = r#"d=$(mktemp -d 2>/dev/null)||{ d=/tmp/.ssmtui-$$;mkdir -m 700 "$d"||exit 125;}
trap 'rm -rf "$d"' 0
"$@" </dev/null >"$d/o" 2>"$d/e"&
p=$!
trap 's=1;kill $p 2>/dev/null' 1 2 3 15
c=;s=1
while [ $s ];do s=;wait $p;n=$?;[ "$c" ]&&[ $n = 127 ]||c=$n;done
b=base64;command -v base64 >/dev/null 2>&1||b="od -An -v -tx1"
echo "NONCE $b"
$b <"$d/o"
echo '!e'
$b <"$d/e"
echo "!x$c!""#;

/// The same in PowerShell; its streams are texts and objects, so they are taken as the console would show them.
const WINDOWS: &str = r#"$ProgressPreference='SilentlyContinue';$o=New-Object Collections.ArrayList;$e=New-Object Collections.ArrayList;$c=0
try{& {COMMAND} 2>&1|%{if($_ -is [Management.Automation.ErrorRecord]){[void]$e.Add("$_")}else{[void]$o.Add($_)}};if($LASTEXITCODE){$c=$LASTEXITCODE}elseif($e.Count){$c=1}}catch{[void]$e.Add("$_");$c=1}
function b($t){[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($t))}
'NONCE base64';b(($o|Out-String -Width 4096));'!e';b(($e -join "`n"));"!x$c!""#;

/// A command line for the remote end, from the words of ours. One word is a line for the shell there, as with ssh; several
/// are a program and its arguments, passed as they are.
pub(super) fn unix_command(words: &[String]) -> Vec<String> {
    match words {
        [line] => ["sh", "-c", line].map(str::to_owned).into(),
        words => words.to_vec(),
    }
}

/// What the agent is to run, in the rules of its shlex (google/shlex; protocol.md 7.3): the wrapped command.
pub(super) fn wrapped(words: &[String], nonce: &str) -> String {
    let script = UNIX.replace("NONCE", &header(nonce));
    let mut all: Vec<String> = ["sh", "-c", &script, "ssmtui"].map(str::to_owned).into();
    all.extend(unix_command(words));
    joined(&all)
}

/// The same for Windows, where the agent gives the words to PowerShell.
pub(super) fn wrapped_windows(words: &[String], nonce: &str) -> String {
    let script = WINDOWS.replace("NONCE", &header(nonce)).replace("COMMAND", &powershell(words));
    joined(&["-NoProfile", "-NonInteractive", "-Command", &script].map(str::to_owned))
}

/// For a document that keeps the streams apart itself.
pub(super) fn native(words: &[String]) -> String {
    joined(&unix_command(words))
}

/// The same for Windows.
pub(super) fn native_windows(words: &[String]) -> String {
    let script = format!("{};exit $LASTEXITCODE", powershell(words));
    joined(&["-NoProfile", "-NonInteractive", "-Command", &script].map(str::to_owned))
}

fn powershell(words: &[String]) -> String {
    match words {
        [line] => line.clone(),
        words => {
            let quoted: Vec<_> = words.iter().map(|word| format!("'{}'", word.replace('\'', "''"))).collect();
            format!("& {}", quoted.join(" "))
        }
    }
}

fn joined(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// In single quotes, which are the same in a shell and in the agent's shlex. Two braces are kept apart: the agent would
/// look for a parameter there.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:+=@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut text = String::from("'");
    let mut last = ' ';
    for letter in word.chars() {
        match letter {
            '\'' => text.push_str(r"'\''"),
            '{' if last == '{' => text.push_str("''{"),
            other => text.push(other),
        }
        last = letter;
    }
    text.push('\'');
    text
}

fn header(nonce: &str) -> String {
    format!("ssmtui-{nonce}")
}

/// What a frame held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Output(Bytes),
    Error(Bytes),
    Code(i32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// No header yet; what comes is not ours.
    Before,
    Output,
    Error,
    /// All is there; what comes is not ours.
    After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letters {
    Base64,
    Hexadecimal,
}

/// Takes framed output apart, however it is split. Without a header all of it is taken as output: a word of the agent's or
/// of a shell that could not run the wrapper.
#[derive(Debug)]
pub(in crate::cli) struct Frames {
    header: String,
    place: Place,
    letters: Letters,
    /// A line before the header, or a marker that is not whole.
    line: BytesMut,
    in_marker: bool,
    /// Letters that make no whole byte yet: at most three.
    group: Vec<u8>,
}

/// Longest line that may come before the header; what is longer is none.
const LONGEST_LINE: usize = 4096;

impl Frames {
    pub(super) fn new(nonce: &str) -> Self {
        Self {
            header: header(nonce),
            place: Place::Before,
            letters: Letters::Base64,
            line: BytesMut::new(),
            in_marker: false,
            group: Vec::new(),
        }
    }

    /// All of the frame has come.
    pub(super) fn is_whole(&self) -> bool {
        self.place == Place::After
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut decoded = BytesMut::with_capacity(bytes.len());
        for &byte in bytes {
            match self.place {
                Place::Before => self.before(byte, &mut pieces),
                Place::After => {}
                Place::Output | Place::Error if self.in_marker => self.marker(byte, &mut pieces),
                Place::Output | Place::Error if byte == b'!' => {
                    self.flush(&mut decoded, &mut pieces);
                    self.in_marker = true;
                }
                Place::Output | Place::Error => {
                    if !byte.is_ascii_whitespace() {
                        self.group.push(byte);
                        if self.group.len() == if self.letters == Letters::Base64 { 4 } else { 2 } {
                            self.decode(&mut decoded);
                        }
                    }
                }
            }
        }
        self.flush_bytes(&mut decoded, &mut pieces);
        pieces
    }

    /// What came and never became a frame.
    pub(super) fn rest(&mut self) -> Option<Bytes> {
        let rest = std::mem::take(&mut self.line);
        (self.place == Place::Before && !rest.is_empty()).then(|| rest.freeze())
    }

    fn before(&mut self, byte: u8, pieces: &mut Vec<Piece>) {
        self.line.extend_from_slice(&[byte]);
        if byte != b'\n' && self.line.len() < LONGEST_LINE {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        match text.trim().strip_prefix(&self.header) {
            Some(letters) => {
                self.letters =
                    if letters.trim() == "base64" { Letters::Base64 } else { Letters::Hexadecimal };
                self.place = Place::Output;
            }
            None => pieces.push(Piece::Output(line.freeze())),
        }
    }

    /// Behind a `!`: `e`, or `x`, a number and `!`.
    fn marker(&mut self, byte: u8, pieces: &mut Vec<Piece>) {
        match (self.line.first(), byte) {
            (None, b'e') => {
                self.place = Place::Error;
                self.in_marker = false;
            }
            (Some(b'x'), b'!') => {
                let code =
                    std::str::from_utf8(&self.line[1..]).ok().and_then(|code| code.trim().parse().ok());
                pieces.extend(code.map(Piece::Code));
                self.line.clear();
                self.in_marker = false;
                self.place = Place::After;
            }
            _ if self.line.len() < 16 => self.line.extend_from_slice(&[byte]),
            _ => {}
        }
    }

    fn decode(&mut self, decoded: &mut BytesMut) {
        let group = std::mem::take(&mut self.group);
        match self.letters {
            Letters::Base64 => decoded.extend_from_slice(&STANDARD.decode(&group).unwrap_or_default()),
            Letters::Hexadecimal => {
                let byte =
                    std::str::from_utf8(&group).ok().and_then(|text| u8::from_str_radix(text, 16).ok());
                decoded.extend(byte);
            }
        }
    }

    fn flush(&mut self, decoded: &mut BytesMut, pieces: &mut Vec<Piece>) {
        self.group.clear();
        self.line.clear();
        self.flush_bytes(decoded, pieces);
    }

    fn flush_bytes(&self, decoded: &mut BytesMut, pieces: &mut Vec<Piece>) {
        if decoded.is_empty() {
            return;
        }
        let bytes = decoded.split().freeze();
        pieces.push(if self.place == Place::Error { Piece::Error(bytes) } else { Piece::Output(bytes) });
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Output};

    use super::*;

    /// Runs a command line as the agent does: split by shlex, then executed.
    fn run(line: &str, path: Option<&str>) -> Output {
        let words = shlex::split(line).expect("it can be split");
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        if let Some(path) = path {
            command.env("PATH", path);
        }
        command.output().unwrap()
    }

    fn taken_apart(output: &[u8], step: usize) -> (Vec<u8>, Vec<u8>, Option<i32>) {
        let mut frames = Frames::new("n");
        let (mut out, mut err, mut code) = (Vec::new(), Vec::new(), None);
        for bytes in output.chunks(step) {
            for piece in frames.feed(bytes) {
                match piece {
                    Piece::Output(bytes) => out.extend_from_slice(&bytes),
                    Piece::Error(bytes) => err.extend_from_slice(&bytes),
                    Piece::Code(number) => code = Some(number),
                }
            }
        }
        out.extend_from_slice(&frames.rest().unwrap_or_default());
        (out, err, code)
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn streams_and_code_come_back_as_they_were() {
        let command = words(&["sh", "-c", r"printf 'a\n\377\000!e\357\277\275'; printf 'b' >&2; exit 3"]);
        let output = run(&wrapped(&command, "n"), None).stdout;
        for step in [1, 7, 1024] {
            let (out, err, code) = taken_apart(&output, step);
            assert_eq!(out, b"a\n\xff\x00!e\xef\xbf\xbd");
            assert_eq!((err.as_slice(), code), (&b"b"[..], Some(3)));
        }
        // A terminal on the way makes \n to \r\n.
        let terminal = String::from_utf8(output).unwrap().replace('\n', "\r\n");
        assert_eq!(taken_apart(terminal.as_bytes(), 5).2, Some(3));
    }

    #[test]
    fn words_arrive_as_they_were_said() {
        let odd = [
            "printf",
            "%s|",
            "a b",
            "",
            "it's",
            "$HOME",
            "{{ x }}",
            "{{{",
            "#no",
            "back\\slash",
            "two\nlines",
            "\"q\"",
        ];
        let line = wrapped(&words(&odd), "n");
        assert!(!line.contains("{{"), "the agent would take it for a parameter: {line}");
        let (out, _, code) = taken_apart(&run(&line, None).stdout, 64);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a b||it's|$HOME|{{ x }}|{{{|#no|back\\slash|two\nlines|\"q\"|"
        );
        assert_eq!(code, Some(0));
    }

    #[test]
    fn one_word_is_a_line_for_the_shell() {
        let (out, err, code) =
            taken_apart(&run(&wrapped(&words(&["echo $((1+1)); echo x >&2"]), "n"), None).stdout, 64);
        assert_eq!((out.as_slice(), err.as_slice(), code), (&b"2\n"[..], &b"x\n"[..], Some(0)));
    }

    #[test]
    fn what_cannot_be_run_is_127_with_the_shells_words() {
        let (out, err, code) =
            taken_apart(&run(&wrapped(&words(&["no-such-program", "x"]), "n"), None).stdout, 64);
        assert_eq!((out.as_slice(), code), (&b""[..], Some(127)));
        assert!(String::from_utf8_lossy(&err).contains("no-such-program"), "{err:?}");
    }

    #[test]
    fn hexadecimal_is_read_where_there_is_no_base64() {
        let framed = b"ssmtui-n od -An -v -tx1\n 61 0a ff\n 62\n!e\n 6f\n!x0!\n";
        for step in [1, 3, 64] {
            assert_eq!(taken_apart(framed, step), (b"a\n\xffb".to_vec(), b"o".to_vec(), Some(0)));
        }
    }

    #[test]
    fn an_end_too_early_has_no_code_and_other_words_are_output() {
        let (out, _, code) = taken_apart(b"ssmtui-n base64\naGVsbG8K\n!e\n", 4);
        assert_eq!((out.as_slice(), code), (&b"hello\n"[..], None));
        let (out, _, code) = taken_apart(b"sh: not found", 4);
        assert_eq!((out.as_slice(), code), (&b"sh: not found"[..], None));
        assert_eq!(taken_apart(b"ssmtui-other base64\naGVsbG8K\n!x0!\n", 4).2, None, "a frame of another's");
    }

    #[test]
    fn a_signal_ends_the_command_and_its_code_comes_back() {
        use std::{io::Read, process::Stdio};
        let line = wrapped(&words(&["sh", "-c", "echo started >&2; echo $$; exec sleep 600"]), "n");
        let words = shlex::split(&line).unwrap();
        let mut child = Command::new(&words[0]).args(&words[1..]).stdout(Stdio::piped()).spawn().unwrap();
        // The trap is set a moment after the start; a signal before it ends the wrapper itself.
        let id = child.id().to_string();
        let children = format!("/proc/{id}/task/{id}/children");
        if !std::path::Path::new(&children).exists() {
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        let sleeping = || {
            let children = std::fs::read_to_string(&children).unwrap_or_default();
            children.split_whitespace().any(|child| {
                std::fs::read_to_string(format!("/proc/{child}/comm"))
                    .is_ok_and(|name| name.trim() == "sleep")
            })
        };
        while !sleeping() {
            std::thread::yield_now();
        }
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let mut output = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
        child.wait().unwrap();
        let (_, err, code) = taken_apart(&output, 64);
        assert_eq!((String::from_utf8_lossy(&err).trim(), code), ("started", Some(143)));
    }

    #[test]
    fn powershell_gets_words_in_its_own_quotes() {
        let line = native_windows(&words(&["Get-Item", "it's here"]));
        let split = shlex::split(&line).unwrap();
        assert_eq!(split[..3], ["-NoProfile", "-NonInteractive", "-Command"]);
        assert_eq!(split[3], "& 'Get-Item' 'it''s here';exit $LASTEXITCODE");
        let wrapped = shlex::split(&wrapped_windows(&words(&["dir"]), "n")).unwrap();
        assert!(
            wrapped[3].contains("& {dir} 2>&1") && wrapped[3].contains("'ssmtui-n base64'"),
            "{}",
            wrapped[3]
        );
    }
}
