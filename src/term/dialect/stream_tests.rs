//! Streams of anything, in any pieces, at any size.

use proptest::prelude::*;

use super::super::{Fed, Size, Terminal, Touched};

/// Everything about a terminal that can be seen.
fn seen(terminal: &Terminal) -> impl PartialEq + std::fmt::Debug + use<> {
    let size = terminal.size();
    let mut cells = Vec::new();
    for row in 0..size.rows {
        for col in 0..size.cols {
            let cell = terminal.cell(row, col).expect("within the screen");
            cells.push((cell.text.to_string(), cell.style, cell.width));
        }
    }
    let frozen = terminal.freeze();
    let lines: Vec<_> = frozen
        .rows()
        .map(|row| {
            let mut cells = row.cells();
            let mut found = Vec::new();
            while let Some(cell) = cells.next() {
                found.push((cell.text.to_string(), cell.style, cells.link().map(str::to_owned)));
            }
            (found, row.kind())
        })
        .collect();
    (cells, terminal.cursor(), terminal.input_modes(), terminal.title().to_string(), lines)
}

/// Pieces of what programs write, with what nobody should.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let final_byte = prop::sample::select(b"@ABCDEFGHIJKLMPSTXZ`abcdefghjklmnpqrstu^".to_vec());
    let parameter =
        prop_oneof![4 => 0..12_u16, 1 => prop::sample::select(vec![38, 48, 1000, 1049, 2004, 65535])];
    let parameters = prop::collection::vec(parameter, 0..5);
    let marker = prop::sample::select(vec!["", "", "", "", "?", "?", ">", "!", "=", "<"]);
    let separator = prop::sample::select(vec![";", ";", ";", ":"]);
    let csi =
        (marker, parameters, separator, final_byte).prop_map(|(marker, parameters, separator, last)| {
            let parameters: Vec<_> = parameters.iter().map(u16::to_string).collect();
            format!("\x1b[{marker}{}{}", parameters.join(separator), char::from(last)).into_bytes()
        });
    let mode = prop::sample::select(vec![
        "4", "20", "?1", "?5", "?6", "?7", "?25", "?45", "?69", "?69", "?47", "?1047", "?1048", "?1049",
        "?1004", "?1006",
    ]);
    let mode = (mode, any::<bool>())
        .prop_map(|(mode, set)| format!("\x1b[{mode}{}", if set { 'h' } else { 'l' }).into_bytes());
    let escape = prop::sample::select(vec![
        "\x1b7",
        "\x1b8",
        "\x1bc",
        "\x1bD",
        "\x1bE",
        "\x1bH",
        "\x1bM",
        "\x1bZ",
        "\x1b(0",
        "\x1b(B",
        "\x1b)0",
        "\x1b#8",
        "\x1b[3g",
        "\x1b]0;title\x07",
        "\x1b]2;ti",
        "\x1b]8;;https://a.example\x07",
        "\x1b]8;;\x1b\\",
        "\x1b]133;A\x07",
        "\x1b]52;c;YQ==\x07",
        "\u{e0200}",
        "\u{e0fff}",
        "\x1bP$qm\x1b\\",
        "\x1bP$q",
        "\x1b[?69h\x1b[2;5s",
        "\x1b[2;3r",
        "\x1b[44m",
        "\x1b[7m",
        "\x1b[9m",
        "\x1b[5;1;2m",
        "\u{301}",
        "\x1b[1;1;2;3;1;2;2$v",
        "\x1b[65;1;1;2;3$x",
        "\x1b['}",
        "\x1b6",
        "\x1b9",
        "\x1bX",
        "\x1b\\",
        "\x1b[",
        "\x1b",
        "\u{9b}",
        "\u{85}",
        "\x18",
        "\x0e",
        "\x0f",
        "\x08",
        "\x07",
        "\t",
        "\r\n",
        "\n",
        "\n\n\n\n",
    ])
    .prop_map(|text| text.as_bytes().to_vec());
    let text = prop::sample::select(vec![
        "abc",
        "x",
        "lqqk",
        "日本",
        "e\u{301}",
        "☺\u{fe0f}",
        "👩\u{200d}👩",
        "\u{fffd}",
        "£",
        "qwertyuiopasdf",
    ])
    .prop_map(|text| text.as_bytes().to_vec());
    let noise = prop::collection::vec(any::<u8>(), 1..6);
    prop_oneof![3 => csi, 2 => mode, 3 => escape, 4 => text, 1 => noise]
}

/// What a shell sends back for a key, or close to it.
fn echoed() -> impl Strategy<Value = Vec<u8>> {
    let part = prop::sample::select(vec![
        "a",
        "ls -l",
        " ",
        "\r",
        "\x08",
        "\x08\x1b[K",
        "\x1b[C",
        "\x1b[3P",
        "\x1b[1@",
        "\x1b[m",
        "\x1b[1;32m",
        "\x1b[2K",
        "\x1b[4X",
        "\x07",
        "\n",
        "\t",
        "\x1b[A",
        "é",
    ]);
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.concat().into_bytes())
}

fn rows(terminal: &Terminal) -> Vec<String> {
    let size = terminal.size();
    let row = |row| (0..size.cols).map(|col| format!("{:?}", terminal.cell(row, col))).collect();
    (0..size.rows).map(row).collect()
}

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![(1..6_u16, 1..12_u16), (1..=60_u16, 1..=200_u16)].prop_map(|(rows, cols)| Size { rows, cols })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_in_any_pieces_give_the_same_screen(
        size in size(),
        fragments in prop::collection::vec(fragment(), 1..60),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let bytes = fragments.concat();
        let mut whole = Terminal::new(size);
        let all = whole.feed(&bytes);

        let mut bytewise = Terminal::new(size);
        let mut fed = Fed::default();
        for byte in &bytes {
            add(&mut fed, bytewise.feed(&[*byte]));
        }
        prop_assert_eq!(&fed, &all);
        prop_assert_eq!(seen(&bytewise), seen(&whole));

        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut pieces = Terminal::new(size);
        for cut in cuts.windows(2) {
            pieces.feed(&bytes[cut[0]..cut[1]]);
        }
        prop_assert_eq!(seen(&pieces), seen(&whole));
    }

    #[test]
    fn what_is_said_to_touch_one_row_leaves_the_others_alone(
        size in size(),
        before in prop::collection::vec(fragment(), 0..12),
        pieces in prop::collection::vec(prop_oneof![4 => echoed(), 1 => fragment()], 1..40),
    ) {
        let mut terminal = Terminal::new(size);
        terminal.feed(&before.concat());
        terminal.take_touched();
        for piece in pieces {
            let (rows, kept) = (rows(&terminal), terminal.scrollback_len());
            terminal.feed(&piece);
            let Touched::Row(touched) = terminal.take_touched() else { continue };
            let mut expected = self::rows(&terminal);
            prop_assert_eq!(terminal.scrollback_len(), kept);
            expected[usize::from(touched)].clone_from(&rows[usize::from(touched)]);
            prop_assert_eq!(expected, rows, "{:?}", String::from_utf8_lossy(&piece));
        }
    }

    #[test]
    fn nothing_panics_with_resizes_between(
        steps in prop::collection::vec((size(), prop::collection::vec(fragment(), 0..20)), 1..12),
    ) {
        let mut terminal = Terminal::new(Size { rows: 1, cols: 1 });
        for (size, fragments) in steps {
            terminal.resize(size);
            terminal.feed(&fragments.concat());
            prop_assert_eq!(terminal.size(), size);
            seen(&terminal);
            if let Some(cursor) = terminal.cursor() {
                prop_assert!(cursor.row < size.rows && cursor.col < size.cols);
            }
            draw(&terminal);
        }
    }
}

/// A generator of its own for many more streams than proptest would make: the multiplier is Knuth's (MMIX).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

#[test]
fn the_echo_of_a_key_touches_its_row() {
    let mut terminal = Terminal::new(Size { rows: 3, cols: 10 });
    terminal.feed(b"\x1b[?2004h\r\n$ ");
    assert_eq!(terminal.take_touched(), Touched::Anything);
    assert_eq!(terminal.take_touched(), Touched::Nothing);
    for (bytes, touched) in [
        ("l", Touched::Row(1)),
        ("\x08\x1b[K", Touched::Row(1)),
        ("\x1b[1mword\x1b[m", Touched::Row(1)),
        // The last column can be filled; what comes then goes on below.
        ("1234", Touched::Row(1)),
        ("5", Touched::Row(2)),
        ("123456789", Touched::Row(2)),
        ("0", Touched::Anything),
        ("\x1b", Touched::Anything),
        ("[J", Touched::Anything),
        ("\n", Touched::Anything),
    ] {
        terminal.feed(bytes.as_bytes());
        assert_eq!(terminal.take_touched(), touched, "{bytes:?}");
    }
    terminal.feed(b"a");
    terminal.resize(Size { rows: 4, cols: 10 });
    assert_eq!(terminal.take_touched(), Touched::Anything);
}

#[test]
fn many_streams_of_a_seeded_generator() {
    const PIECES: [&[u8]; 24] = [
        b"\x1b[",
        b"\x1b",
        b"?",
        b";",
        b"1",
        b"9",
        b"65535",
        b"h",
        b"l",
        b"m",
        b"H",
        b"J",
        b"r",
        b"\xe6\x97\xa5",
        b"\xe6",
        b"abc",
        b"\n",
        b"\r",
        b"\x1b[?1049h",
        b"\x1b[?1049l",
        b"\x1b[?7l",
        b"\x1b[4h",
        b"\x1b(0",
        b"\t",
    ];
    let streams = std::env::var("SSMTUI_STREAMS").ok().and_then(|count| count.parse().ok()).unwrap_or(1_500);
    for seed in 0..streams {
        let mut random = Seeded(seed);
        let mut size = || Size { rows: 1 + random.next(60) as u16, cols: 1 + random.next(200) as u16 };
        let (first, second) = (size(), size());
        let small = Size { rows: 1 + random.next(3) as u16, cols: 1 + random.next(3) as u16 };
        let mut whole = Terminal::new(first);
        let mut cut = Terminal::new(first);
        for size in [second, small, Size { rows: 1, cols: 1 }, first] {
            let mut bytes = Vec::new();
            for _ in 0..random.next(40) {
                match random.next(5) {
                    0 => bytes.push(random.next(256) as u8),
                    1 => bytes.push(b'@' + random.next(63) as u8),
                    _ => bytes.extend_from_slice(PIECES[random.next(24) as usize]),
                }
            }
            whole.feed(&bytes);
            let at = random.next(bytes.len() as u64 + 1) as usize;
            cut.feed(&bytes[..at]);
            cut.feed(&bytes[at..]);
            assert_eq!(whole.text(), cut.text(), "seed {seed}, cut at {at}: {bytes:?}");
            assert_eq!(whole.cursor(), cut.cursor(), "seed {seed}, cut at {at}: {bytes:?}");
            whole.resize(size);
            cut.resize(size);
        }
    }
}

pub(super) fn add(fed: &mut Fed, more: Fed) {
    fed.answers.extend(more.answers);
    fed.bell |= more.bell;
    fed.title_changed |= more.title_changed;
    fed.clipboard = more.clipboard.or(fed.clipboard.take());
}

fn draw(terminal: &Terminal) {
    use ratatui::widgets::Widget as _;
    let mut buffer = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, 70, 20));
    super::super::TerminalView::new(terminal).render(buffer.area, &mut buffer);
}
