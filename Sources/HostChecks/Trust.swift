import LinuxSystem
import Signatures
import Sysroots
import SystemPackage
import TrustMetadata

extension Examination {
    /// Whether there is a key that a release could be signed by.
    var keys: Finding {
        let check = "trusted-keys"
        let folders = reader.trustedKeyFolders.map(\.string).joined(separator: " or ")
        let why = "a release that no trusted key has signed is refused"
        do {
            let keys = try reader.trustedKeys()
            let revoked = keys.revoked.isEmpty ? "" : ", \(keys.revoked.count) revoked"
            if keys.keys.isEmpty {
                let advice = "put the release's public key into one of them"
                return .problem(check, "no key is in \(folders)\(revoked)", why: why, advice: advice)
            }
            let names = keys.keys.map { "\($0.name) (\($0.key.id))" }.joined(separator: ", ")
            return .ok(check, "trusted: \(names)\(revoked)")
        } catch {
            let explained = error as? any ExplainedError
            return .problem(
                check, explained?.reason ?? "\(error)", why: "while a key file cannot be read, none counts",
                advice: explained?.advice)
        }
    }

    /// What is followed, and with `network` whether it answers.
    func following(network: Bool) -> [Finding] {
        let check = "origin"
        guard let state = report?.state else {
            let why = "there is nothing to upgrade to"
            let advice = "choose one with 'hostctl switch --origin URL CHANNEL'"
            return [.warning(check, "\(paths.root) follows no origin", why: why, advice: advice)]
        }
        let text = "follows \(state.channel) at \(StatusFile.withoutPassword(state.origin))"
        return network ? [.ok(check, text), origin(state)] : [.ok(check, "\(text); --network asks it")]
    }

    /// Asks as an upgrade would, and remembers nothing.
    private func origin(_ state: SysrootState) -> Finding {
        let check = "origin-answer"
        let why = "no release can be fetched"
        do {
            let arguments = ["store", "origin", "--sysroot", paths.root.string, "--json"]
            let run = try ToolRun(store, arguments, seconds: 60)
            guard run.status == 0 else { return Self.failure(run, why) }
            let answer = try JSONFields(strict: run.output, what: "the answer")
            let latest = try answer.string("latest")
            guard try answer.integer("sequence") >= state.sequence else {
                let advice = "a mirror is stale or hostile"
                return .problem(check, "it shows an older index than this host has seen", why: why, advice: advice)
            }
            return .ok(check, "it answers, its index is signed by a trusted key, and its newest release is \(latest)")
        } catch {
            return .problem(check, (error as? any ExplainedError)?.reason ?? "\(error)", why: why)
        }
    }

    private static func failure(_ run: ToolRun, _ why: String) -> Finding {
        let check = "origin-answer"
        guard run.status != nil else { return .problem(check, "it does not answer for a minute", why: why) }
        do throws(TrustMetadataError) {
            let failure = try JSONFields(strict: Array(run.errors.utf8), what: "the failure")
            let advice = try? failure.string("advice")  // `null` when the reason says it all
            return .problem(check, try failure.string("error"), why: why, advice: advice)
        } catch {
            return .problem(check, String(run.errors.prefix(400)), why: why)
        }
    }
}
