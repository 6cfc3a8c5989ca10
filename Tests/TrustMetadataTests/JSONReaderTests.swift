import Testing
import TrustMetadata

private func read(_ text: String) throws(TrustMetadataError) -> JSONValue {
    try JSONValue(strict: Array(text.utf8), what: "the text")
}

@Suite struct JSONReaderTests {
    @Test(
        "every kind of value is read",
        arguments: [
            ("null", JSONValue.null), ("true", true), ("false", false), ("0", 0), ("-1", -1), ("\"\"", ""), ("[]", []),
            ("{}", .object([])), (" [ 1 , 2 ] ", [1, 2]), ("\t{\"a\":\r\n{\"b\":[]}}\n", ["a": ["b": []]]),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"), (#""\u00e9\uD83D\uDE00""#, "é😀"), ("\"é😀\"", "é😀"),
        ] as [(String, JSONValue)])
    func values(_ text: String, _ value: JSONValue) throws { #expect(try read(text) == value) }

    @Test(
        "a key that stands there twice is refused",
        arguments: [
            #"{"a":1,"a":1}"#, #"{"a":1,"b":2,"a":3}"#, #"{"a":1,"\u0061":2}"#, #"{"x":{"a":1,"a":2}}"#,
            "{\"\u{e9}\":1,\"e\u{301}\":2}", #"{"":1,"":2}"#,
        ])
    func duplicateKeys(_ text: String) {
        let error = #expect(throws: TrustMetadataError.self) { try read(text) }
        #expect(error?.reason.contains("twice") == true)
    }

    @Test(
        "numbers that readers disagree on are refused",
        arguments: [
            "1.0", "1e3", "1E3", "-0", "00", "01", "-01", "+1", "-", ".5", "1.", "0x10", "NaN", "Infinity", "1_000",
            "9223372036854775808", "-9223372036854775809", "1" + String(repeating: "0", count: 400), "1e400", "-0.0",
        ])
    func numbers(_ text: String) { #expect(throws: TrustMetadataError.self) { try read(text) } }

    @Test(
        "broken and lone surrogates are refused",
        arguments: [
            #""\uD83D""#, #""\uDE00""#, #""\uD83D\uD83D""#, #""\uDE00\uD83D""#, #""\uD83Dx""#, #""\uD83D\n""#,
            #""\uD83D\u0041""#,
        ])
    func surrogates(_ text: String) { #expect(throws: TrustMetadataError.self) { try read(text) } }

    @Test(
        "bad escapes are refused",
        arguments: [
            #""\x41""#, #""\u12""#, #""\u12g4""#, #""\u+123""#, #""\U0041""#, #""\'""#, "\"\\", #""\u"#,
            "\"\\\u{ff11}\"",
            #""\uff11"# + "\u{ff11}",
        ])
    func escapes(_ text: String) { #expect(throws: TrustMetadataError.self) { try read(text) } }

    @Test(
        "a NUL, written out or escaped, is refused: C would end the string there",
        arguments: [
            #""a\u0000b""#, "\"a\0b\"", #"{"a\u0000":1}"#,
        ])
    func nul(_ text: String) { #expect(throws: TrustMetadataError.self) { try read(text) } }

    @Test("control characters in a string are refused", arguments: [UInt8(1), 9, 10, 13, 27, 31])
    func controlCharacters(_ byte: UInt8) {
        #expect(throws: TrustMetadataError.self) { try JSONValue(strict: [0x22, byte, 0x22], what: "x") }
    }

    @Test(
        "text that is not UTF-8 is refused",
        arguments: [
            [0xFF], [0xC3], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xE2, 0x82],
            [0xF0, 0x80, 0x80, 0xAF],
        ] as [[UInt8]])
    func badUTF8(_ bytes: [UInt8]) {
        #expect(throws: TrustMetadataError.self) { try JSONValue(strict: [0x22] + bytes + [0x22], what: "x") }
        #expect(throws: TrustMetadataError.self) { try JSONValue(strict: bytes, what: "x") }
    }

    @Test("a byte order mark is refused")
    func byteOrderMark() { #expect(throws: TrustMetadataError.self) { try read("\u{FEFF}{}") } }

    @Test(
        "anything after the value is refused",
        arguments: ["{} {}", "{}x", "1 2", "[]]", "null,", "{}\0", "\"\"\"\"", "{}//"])
    func trailing(_ text: String) { #expect(throws: TrustMetadataError.self) { try read(text) } }

    @Test("a text that is cut off is refused, wherever the cut is")
    func truncated() throws {
        let text = Array(#"{"a":[1,true,null,"é\n"],"b":{"c":-12}}"#.utf8)
        _ = try JSONValue(strict: text, what: "x")
        for count in 0..<text.count {
            #expect(throws: TrustMetadataError.self) { try JSONValue(strict: Array(text.prefix(count)), what: "x") }
        }
    }

    @Test(
        "loose punctuation is refused",
        arguments: [
            "[1,]", "[,1]", "[1 2]", "{,}", #"{"a":1,}"#, #"{"a" 1}"#, #"{"a":}"#, "{a:1}", "{'a':1}", #"{1:1}"#,
            "[1;2]",
            "tru", "True", "nul", "/* */ 1", "{\"a\":1 \"b\":2}", "(1)", "undefined", "\u{a0}1", "[", "{", "\"",
        ])
    func punctuation(_ text: String) { #expect(throws: TrustMetadataError.self) { try read(text) } }

    @Test("32 levels are read and 33 are not", arguments: ["[", "{\"a\":"])
    func depth(_ opening: String) throws {
        let closing = opening == "[" ? "]" : "}"
        func nested(_ depth: Int) -> String {
            String(repeating: opening, count: depth - 1) + (opening == "[" ? "[]" : "{}")
                + String(repeating: closing, count: depth - 1)
        }
        _ = try read(nested(32))
        let error = #expect(throws: TrustMetadataError.self) { try read(nested(33)) }
        #expect(error?.reason.contains("nested") == true)
    }

    @Test("a million opening brackets neither crash nor take long")
    func deepBomb() {
        #expect(throws: TrustMetadataError.self) { try read(String(repeating: "[", count: 1_000_000)) }
    }

    @Test("a message names the text and the place, and repeats nothing a terminal would obey")
    func message() {
        let error = #expect(throws: TrustMetadataError.self) { try read(#"{"\u001b[2J":1,"\u001b[2J":2}"#) }
        #expect(error?.reason == "the text is malformed: the key '?[2J' stands there twice, at byte 26")
    }
}
