import Testing
import TrustMetadata

@Suite struct JSONWriterTests {
    private func text(_ value: JSONValue, pretty: Bool = false) -> String {
        String(decoding: value.encode(pretty: pretty), as: UTF8.self)
    }

    @Test("members keep their order, and the same value gives the same bytes")
    func order() {
        let value: JSONValue = ["b": 1, "a": [nil, true, "x"], "c": .object([])]
        #expect(text(value) == #"{"b":1,"a":[null,true,"x"],"c":{}}"#)
        #expect(value.encode() == value.encode())
    }

    @Test("pretty text is indented by two")
    func pretty() {
        #expect(
            text(["a": [1, 2], "b": [], "c": ["d": 0]], pretty: true) == """
                {
                  "a": [
                    1,
                    2
                  ],
                  "b": [],
                  "c": {
                    "d": 0
                  }
                }
                """)
    }

    @Test("quotes, backslashes and control characters are escaped")
    func escapes() { #expect(text("\"\\\n\t\u{1}\u{1f}é/") == #""\"\\\n\t\u0001\u001fé/""#) }

    @Test("what is written is read again", arguments: [true, false])
    func roundTrip(_ pretty: Bool) throws {
        let value: JSONValue = [
            "text": "é😀\u{2028}\u{1b}\"", "least": .integer(.min), "most": .integer(.max), "none": nil,
            "list": [[], [[1]], .object([])], "": false,
        ]
        #expect(try JSONValue(strict: value.encode(pretty: pretty), what: "x") == value)
    }

    @Test("objects in another order are not equal, since other bytes would be signed")
    func orderMatters() {
        let one: JSONValue = ["a": 1, "b": 2]
        #expect(one != ["b": 2, "a": 1])
        #expect(one["b"] == 2)
        #expect(one["c"] == nil)
    }
}

@Suite struct JSONFieldsTests {
    private func fields(_ text: String) throws -> JSONFields { try JSONFields(strict: Array(text.utf8), what: "it") }

    @Test("members are read by name and unknown ones ignored")
    func members() throws {
        let fields = try fields(#"{"s":"x","n":5,"b":true,"l":["a"],"o":{"k":1},"new":[1]}"#)
        #expect(try fields.string("s") == "x")
        #expect(try fields.integer("n") == 5)
        #expect(try fields.bool("b"))
        #expect(try fields.strings("l") == ["a"])
        #expect(try fields.fields("o").integer("k") == 1)
    }

    @Test("a member of another kind is an error that names it", arguments: ["1", "null", "[]", "{}", "true"])
    func wrongKind(_ value: String) throws {
        let fields = try fields("{\"s\":\(value)}")
        let error = #expect(throws: TrustMetadataError.self) { try fields.string("s") }
        #expect(error?.reason.contains("'s' is ") == true)
    }

    @Test("a missing member is an error that names it with its place")
    func missing() throws {
        let inner = try fields(#"{"list":[{},{}]}"#).objects("list")[1]
        #expect(throws: TrustMetadataError.malformed(what: "it", detail: "'list[1].size' is missing")) {
            try inner.integer("size")
        }
    }

    @Test("a negative number is refused unless it is allowed")
    func negative() throws {
        let fields = try fields(#"{"n":-1}"#)
        #expect(throws: TrustMetadataError.self) { try fields.integer("n") }
        #expect(try fields.integer("n", in: -1...1) == -1)
    }

    @Test("a list where an object must be is refused", arguments: ["[]", "1", "null", "\"x\""])
    func notAnObject(_ text: String) { #expect(throws: TrustMetadataError.self) { try fields(text) } }

    @Test("another format number is its own error")
    func format() throws {
        #expect(throws: TrustMetadataError.unknownFormat(what: "it", format: "2")) {
            try fields(#"{"format":2}"#).requireFormat(1)
        }
        #expect(throws: TrustMetadataError.self) { try fields(#"{"format":"1"}"#).requireFormat(1) }
    }
}
