import Settings
import Testing

private let schema = SettingsSchema(["Image": ["Suite", "Packages", "Mirrors", "Size"], "Update": ["Window"]])

private func parse(_ text: String) throws(SettingsError) -> SettingsFile {
    try SettingsFile(parsing: text, place: "image.conf", schema: schema)
}

private func error(_ text: String) -> SettingsError? {
    #expect(throws: SettingsError.self) { try parse(text) }
}

@Suite("systemd's syntax") struct SettingsSyntaxTests {
    @Test(
        "a value is read as systemd reads it",
        arguments: [
            ("[Image]\nSuite=trixie", "trixie"),
            ("[Image]\n  Suite  =  trixie  ", "trixie"),
            ("[Image]\r\nSuite=trixie\r\n", "trixie"),
            ("\u{FEFF}[Image]\nSuite=trixie", "trixie"),
            ("# a comment\n; another\n\n[Image]\nSuite=trixie", "trixie"),
            ("[Image]\nSuite=trixie # not a comment", "trixie # not a comment"),
            ("[Image]\nSuite=a=b", "a=b"),
            ("[Image]\nSuite=bookworm\nSuite=trixie", "trixie"),
            ("[Image]\nSuite=one \\\n  two", "one two"),
            ("[Image]\nSuite=one \\\n# between\n  two", "one two"),
            ("[Image]\nSuite=one\\\\", "one\\\\"),
            ("[Image]\n[Update]\n[Image]\nSuite=trixie", "trixie"),
            ("[Image]\nSuite=\"trixie\"", "\"trixie\""),
            ("[Image]\nSuite=Größe", "Größe"),
        ])
    func reads(text: String, expected: String) throws {
        #expect(try parse(text).string("Suite", in: "Image") == expected)
    }

    @Test("a zero byte is refused, not the end of the value")
    func zeroByte() {
        #expect(error("[Image]\nSuite=a\0b") == SettingsError("image.conf:2", "a zero byte is not allowed"))
    }

    @Test("an empty assignment goes back to the default")
    func emptyResets() throws {
        #expect(try parse("[Image]\nSuite=trixie\nSuite=").string("Suite", in: "Image") == nil)
    }

    @Test("the same key in another section is another key")
    func sectionsAreApart() throws {
        let two = SettingsSchema(["A": ["Key"], "B": ["Key"]])
        let file = try SettingsFile(parsing: "[A]\nKey=1\n[B]\nKey=2", place: "x", schema: two)
        #expect(file.string("Key", in: "A") == "1")
        #expect(file.string("Key", in: "B") == "2")
    }

    @Test(
        "a mistake is named with its line",
        arguments: [
            ("[Image]\nSuit=trixie", "image.conf:2", "[Image] has no key 'Suit'", "did you mean 'Suite'?"),
            ("[Image]\n\nsuite=trixie", "image.conf:3", "[Image] has no key 'suite'", "did you mean 'Suite'?"),
            (
                "[Image]\nWindow=x", "image.conf:2", "[Image] has no key 'Window'",
                "allowed are Suite, Packages, Mirrors, Size"
            ),
            ("[Imgae]", "image.conf:1", "the section [Imgae] is not known", "did you mean 'Image'?"),
            ("[Network]", "image.conf:1", "the section [Network] is not known", "allowed are Image, Update"),
            ("Suite=trixie", "image.conf:1", "'Suite' stands before any section", "put a [Section] line above it"),
            ("[Image]\nSuite", "image.conf:2", "'Suite' is neither [Section] nor Key=Value", "comments begin with '#'"),
            ("[Image\nSuite=x", "image.conf:1", "the section '[Image' has no closing bracket", "write [Image]"),
            ("[]", "image.conf:1", "the section [] is not known", "allowed are Image, Update"),
            ("[Image]\n=x", "image.conf:2", "the key before '=' is missing", nil),
            ("[Image]\nSuite=a\\", "image.conf:2", "the file ends in the middle of a continued line", nil),
            (
                "[Image]\nSuite=a\\\nb\nNo", "image.conf:4", "'No' is neither [Section] nor Key=Value",
                "comments begin with '#'"
            ),
        ] as [(String, String, String, String?)])
    func names(text: String, place: String, problem: String, advice: String?) {
        #expect(error(text) == SettingsError(place, problem, advice: advice))
    }
}

@Suite("typed values") struct SettingsValueTests {
    @Test(
        "words add up, quotes group, an empty assignment starts anew",
        arguments: [
            ("[Image]\nPackages=a b", ["a", "b"]),
            ("[Image]\nPackages=a\nPackages=b c", ["a", "b", "c"]),
            ("[Image]\nPackages=a\nPackages=\nPackages=b", ["b"]),
            ("[Image]\nPackages=a\nPackages=", []),
            ("[Image]\nPackages=a \\\n\tb \\\n\tc", ["a", "b", "c"]),
            ("[Image]\nPackages='a b' \"c 'd'\" e\\ f ''", ["a b", "c 'd'", "e f", ""]),
            ("[Image]\nPackages=x='a b'", ["x=a b"]),
        ])
    func words(text: String, expected: [String]) throws {
        #expect(try parse(text).words("Packages", in: "Image") == expected)
    }

    @Test("a list that is never assigned is not an empty list")
    func neverAssigned() throws {
        #expect(try parse("[Image]").words("Packages", in: "Image") == nil)
    }

    @Test("a quote that is not closed is named with its line")
    func openQuote() throws {
        let file = try parse("[Image]\nPackages=a\nPackages='b")
        let error = #expect(throws: SettingsError.self) { try file.words("Packages", in: "Image") }
        #expect(error?.reason == "image.conf:3: the quote ' is not closed")
    }

    @Test(
        "a truth value is one of systemd's words",
        arguments: [
            ("yes", true), ("TRUE", true), ("1", true), ("on", true), ("no", false), ("Off", false), ("0", false),
        ]
    )
    func booleans(word: String, expected: Bool) throws {
        #expect(try parse("[Image]\nSize=\(word)").boolean("Size", in: "Image", default: !expected) == expected)
    }

    @Test("anything else is no truth value")
    func notBoolean() throws {
        let file = try parse("[Image]\nSize=maybe")
        let error = #expect(throws: SettingsError.self) { try file.boolean("Size", in: "Image", default: true) }
        #expect(error == SettingsError("image.conf:2", "Size= cannot be 'maybe'", advice: "write yes or no"))
    }

    @Test("a number outside its range is refused", arguments: ["0", "11", "-1", "1.5", "ten", "99999999999999999999"])
    func numbers(word: String) throws {
        let file = try parse("[Image]\nSize=\(word)")
        let error = #expect(throws: SettingsError.self) {
            try file.integer("Size", in: "Image", within: 1...10, default: 5)
        }
        #expect(error?.advice == "write a whole number from 1 to 10")
    }

    @Test("a number in its range is taken, a missing one is the default")
    func number() throws {
        #expect(try parse("[Image]\nSize=10").integer("Size", in: "Image", within: 1...10, default: 5) == 10)
        #expect(try parse("[Image]").integer("Size", in: "Image", within: 1...10, default: 5) == 5)
    }

    @Test("a word outside a choice is refused with the choice")
    func choice() throws {
        let file = try parse("[Image]\nSuite=jessie")
        let error = #expect(throws: SettingsError.self) {
            try file.choice("Suite", in: "Image", from: ["trixie", "bookworm"], default: "trixie")
        }
        #expect(error?.advice == "allowed are trixie, bookworm")
    }

    @Test("a missing value is asked for with an example")
    func missing() throws {
        let file = try parse("[Image]")
        let error = #expect(throws: SettingsError.self) {
            try file.requiredString("Suite", in: "Image", example: "trixie")
        }
        #expect(error == SettingsError("image.conf", "[Image] needs Suite=", advice: "for example Suite=trixie"))
    }
}
