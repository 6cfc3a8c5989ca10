import Checksums
import Glibc
import LinuxSystem
import Sysroots
import SystemPackage
import TrustMetadata

extension Examination {
    /// hostctl-store with the libraries that it loads, and the programs that commands run.
    var programs: [Finding] {
        [storeProgram] + [.ok("libcrypto", CryptographyLibrary.version)] + tools
    }

    private var storeProgram: Finding {
        let check = "hostctl-store"
        let why = "every command that changes something is in it"
        guard Files.exists(store) else {
            return .problem(check, "\(store) is missing", why: why, advice: "install it beside hostctl")
        }
        do {
            let run = try ToolRun(store, ["store", "versions", "--json"], seconds: 20)
            guard run.status == 0 else {
                let line = run.errors.split(separator: "\n").first ?? "it does not end, or is killed"
                return .problem(
                    check, "it does not run: \(line)", why: why, advice: "install the library that is missing")
            }
            return try judge(JSONFields(strict: run.output, what: "its answer"))
        } catch {
            let reason = (error as? any ExplainedError)?.reason ?? "\(error)"
            return .problem(check, "it does not run: \(reason)", why: why, advice: "install it anew")
        }
    }

    private func judge(_ answer: JSONFields) throws(TrustMetadataError) -> Finding {
        let check = "hostctl-store"
        let other = try answer.string("hostctl")
        guard other == version else {
            let why = "the two are made for each other"
            return .problem(
                check, "hostctl is \(version) and hostctl-store \(other)", why: why, advice: "install both anew")
        }
        let library = try answer.string("libostree")
        let text = "libostree \(library), \(try answer.string("libcurl"))"
        guard !Self.isOlder(library, than: (2022, 7)) else {
            let why = "hostctl was never tried with a version before 2022.7"
            return .warning(check, text, why: why, advice: "use Debian 12 or newer")
        }
        return .ok(check, text)
    }

    private struct Tool {
        let name: String
        let use: String
        var isNeededOnHosts = false
    }

    private static let all = [
        Tool(name: "systemctl", use: "'--reboot' restarts the host with it", isNeededOnHosts: true),
        Tool(name: "mmdebstrap", use: "'hostctl image build' installs packages with it"),
        Tool(name: "unshare", use: "'hostctl image build' mounts with it where nobody sees it"),
        Tool(name: "ostree", use: "nothing; it helps to look around"),
    ]

    private var tools: [Finding] {
        Self.all.map { tool in
            if let path = Self.find(tool.name) { return .ok(tool.name, "\(path)") }
            if tool.isNeededOnHosts, report?.isRunning == true {
                return .warning(tool.name, "\(tool.name) is missing", why: tool.use, advice: "install it")
            }
            return .ok(tool.name, "not installed, and needed by no host: \(tool.use)")
        }
    }

    /// The first executable of this name on the search path.
    private static func find(_ name: String) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/sbin:/usr/bin:/sbin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }
}
