import BootLoaders
import Testing

@Suite struct TryCounterTests {
    @Test(
        "counters as the UAPI boot loader specification writes them",
        arguments: [
            ("+3", 3, 0), ("+2-1", 2, 1), ("+10", 10, 0), ("+09-01", 9, 1), ("+0-3", 0, 3), ("+0", 0, 0),
            ("+00000003-00000000", 3, 0),
        ])
    func parses(_ text: String, _ left: Int, _ done: Int) throws {
        let counter = try #require(TryCounter(parsing: text))
        #expect(counter.left == left)
        #expect(counter.done == done)
        #expect(counter.text == text)
    }

    @Test(
        "what is no counter",
        arguments: ["", "+", "3", "+-1", "+3-", "+3-1-1", "+3x", "+x", "+ 3", "+３", "+3-1x", "-3", "+999999999"])
    func refuses(_ text: String) { #expect(TryCounter(parsing: text) == nil) }

    @Test(
        "a try keeps the width of the digits, and done stays where it has no more room",
        arguments: [
            ("+3", "+2-1"), ("+2-1", "+1-2"), ("+1-2", "+0-3"), ("+10", "+09-1"), ("+1-9", "+0-9"), ("+5-09", "+4-10"),
            ("+5-99", "+4-99"), ("+0-3", "+0-3"), ("+0", "+0"),
        ])
    func counts(_ before: String, _ after: String) throws {
        #expect(try #require(TryCounter(parsing: before)).afterTry().text == after)
    }
}
