import EtcMerges
import Testing

@Suite struct EtcPathTests {
    @Test("a name that is not text is shown without loss, and cannot pass for another")
    func escapes() {
        #expect(EtcPath(bytes: [0x61, 0xFF, 0x0A]).description == "a\\xff\\x0a")
        #expect(EtcPath("a\\xff").description == "a\\x5cxff")
        #expect(EtcPath("ü/b").description == "ü/b")
        #expect(EtcPath(bytes: []).description == ".")
    }
}
