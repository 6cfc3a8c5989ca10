import Checksums
import Testing

@testable import Sysroots

@Suite struct ParsingTests {
    private let hex = String(repeating: "ab", count: 32)

    @Test("a key file keeps what stands before, between and after damaged lines")
    func keyFile() {
        let text = "a=1\n[one]\nx=1\n\n# remark\nbroken\ny = two words \n[two]\nx=3\nx=4\n"
        let file = KeyFileText(Array(text.utf8))
        #expect(file["one", "x"] == "1")
        #expect(file["one", "y"] == "two words")
        #expect(file["two", "x"] == "4")
        #expect(file.damage == ["line 1 stands in no group", "line 6 is no key and value"])
    }

    @Test("GKeyFile's escapes are undone")
    func escapes() {
        #expect(KeyFileText(Array("[g]\nk=\\sa\\tb\\nc\\\\d\n".utf8))["g", "k"] == " a\tb\nc\\d")
    }

    @Test(
        "a deployment's folder name is a checksum and a plain number",
        arguments: ["x.0", ".0", "0", ".-1", ".01", ".1.2", ""])
    func folderNames(_ ending: String) {
        #expect(
            DeploymentName(stateroot: "host", folderName: ending.hasPrefix("x") ? ending : hex + ending) == nil
                || ending == ".0")
    }

    @Test("a lease names its deployment, and other refs name none")
    func leases() throws {
        let name = try #require(DeploymentName(stateroot: "host", folderName: "\(hex).3"))
        #expect(name.lease == "hostctl/deployments/host/\(hex).3")
        #expect(DeploymentName(lease: name.lease) == name)
        #expect(DeploymentName(lease: "lean-host/stable/x86_64") == nil)
        #expect(DeploymentName(lease: "hostctl/deployments/a/b/\(hex).3") == nil)
    }

    @Test("boot entries are ordered by version, ten after nine, those without one last")
    func order() {
        let entries = ["9", "10", nil, "2"].enumerated().map { index, version in
            BootEntry(file: "\(index)", text: version.map { "version \($0)\n" } ?? "title x\n")
        }
        #expect(entries.sorted { $0.precedes($1) }.map(\.version) == ["10", "9", "2", nil])
    }

    @Test("arguments that libostree writes anew are not carried over")
    func kernelArguments() {
        let entry = BootEntry(
            file: "x", text: "options root=/dev/vda init=/ostree/boot.1/a quiet ostree=/ostree/boot.1/b init=/bin/sh\n")
        #expect(entry.kernelArguments == ["root=/dev/vda", "quiet", "init=/bin/sh"])
    }

    @Test(
        "a boot link with other parts than libostree's leads nowhere",
        arguments: [
            "ostree/boot.0/host/CSUM/0", "/ostree/boot.2/host/CSUM/0", "/ostree/boot.0/../CSUM/0",
            "/ostree/boot.0/host/abc/0", "/ostree/boot.0/host/CSUM/x", "/ostree/boot.0/host/CSUM/0/usr", "",
        ])
    func bootLinks(_ text: String) {
        #expect(BootLink(text.replacing("CSUM", with: hex)) == nil)
        #expect(BootLink("/ostree/boot.0/host/\(hex)/0") != nil)
    }
}
