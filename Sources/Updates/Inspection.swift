import Checksums
import Deployments
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Sysroots
import SystemPackage

/// One look at everything: the store, the deployments, and what leads to them.
struct Inspection {
    let store: Store
    let refs: [StoreRef]
    let deployments: [DeploymentRecord]
    let condition: StoreVerification
    let comparison: DeploymentVerification
    /// Damage of the sysroot itself and of hostctl's state.
    let sysroot: [SysrootProblem]
    /// Commits of deployed releases that have lost their signatures.
    let unsigned: [Checksum]
    /// What the objects hash to, for another look.
    let hashing: StoreHashing
    private let compared: Int

    /// - Parameter hashing: made before, under no lock; what has come since is hashed here.
    init(_ reader: SysrootReader, _ store: Store, _ hashing: StoreHashing, progress: @escaping ProgressHandler) throws {
        self.store = store
        self.hashing = try hashing.brought(upTo: store)
        let report = reader.report()
        deployments = report.deployments
        refs = try store.allRefs()
        condition = try StoreVerification(
            of: store, commits: Self.commits(refs, deployments), hashing: self.hashing)
        unsigned = try Self.unsigned(deployments, store)
        let whole = deployments.filter { Self.isComplete($0, reader.paths) }
        compared = whole.count
        comparison = try DeploymentVerification(
            of: whole.map(\.name), paths: reader.paths, store: store, condition: condition, progress: progress)
        // Lost commits are found in the store; what a killed command has left is completed by the next one.
        let own = report.allProblems.filter {
            $0.kind != .unreadableCommit && $0.kind != .interruptedChange && $0.kind != .unreadableState
        }
        let kernels = deployments.filter(\.isListed).compactMap { reader.kernelProblem(of: $0) }
        sysroot = own + kernels + reader.stateProblems()
    }

    static func commits(_ refs: [StoreRef], _ deployments: [DeploymentRecord]) -> [Checksum] {
        refs.compactMap(\.commit) + deployments.map(\.checksum)
    }

    /// A release is signed, always; what stock tools have deployed, or a local commit, need not be.
    private static func unsigned(_ deployments: [DeploymentRecord], _ store: Store) throws -> [Checksum] {
        let releases = Set(deployments.filter { $0.isListed && $0.channel != nil && $0.command != nil }.map(\.checksum))
        return try releases.filter { commit in
            try store.contains(ObjectName(commit, .commit)) && store.detachedMetadata(of: commit) == nil
        }.sorted { $0.hex < $1.hex }
    }

    /// Half a deployment, which a killed command has left, is no damage.
    private static func isComplete(_ record: DeploymentRecord, _ paths: SysrootPaths) -> Bool {
        let isHalf = record.problems.contains { $0.kind == .interruptedChange }
        let isMade = record.isListed || Files.exists(paths.origin(of: record.name))
        return !isHalf && isMade && Files.isFolder(paths.folder(of: record.name))
    }

    var report: VerificationReport {
        VerificationReport(
            objects: condition.objects, bytes: condition.bytes, deployments: compared, files: comparison.files,
            findings: objectFindings + signatureFindings + refFindings + fileFindings + sysrootFindings)
    }

    // MARK: findings

    private var objectFindings: [VerificationFinding] {
        let places = places(of: Set(condition.problems.map(\.name)))
        return condition.problems.map { problem in
            let place = places[problem.name].map { " (\($0))" } ?? ""
            let subject = "the object \(problem.name)\(place)"
            let text =
                switch problem.kind {
                case .damaged: "\(subject) is damaged: \(problem.detail)"
                case .missing: "\(subject) is missing"
                case .unreadable: "\(subject) cannot be read: \(problem.detail)"
                }
            return VerificationFinding(
                kind: problem.kind.rawValue, subject: "\(problem.name)", text: text,
                advice: problem.isNeeded
                    ? "'hostctl verify --repair' fetches it anew; if the origin has it no more, deploy another release"
                    : "nothing needs it; 'hostctl cleanup' removes it")
        }
    }

    /// Where objects are used: a path in a deployment, or what names the commit.
    private func places(of names: Set<ObjectName>) -> [ObjectName: String] {
        if names.isEmpty { return [:] }
        var found: [ObjectName: String] = [:]
        let users =
            deployments.map { (label: "\($0.name)", commit: $0.checksum) }
            + refs.compactMap { ref in ref.commit.map { (label: "the ref \(ref.path)", commit: $0) } }
        for user in users {
            let commit = ObjectName(user.commit, .commit)
            if names.contains(commit), found[commit] == nil { found[commit] = user.label }
            let missing = names.subtracting(found.keys)
            if missing.isEmpty { break }
            for (name, path) in store.places(of: missing, in: user.commit) { found[name] = "\(path) in \(user.label)" }
        }
        return found
    }

    private var signatureFindings: [VerificationFinding] {
        unsigned.map { commit in
            VerificationFinding(
                kind: "missing-signatures", subject: "\(commit).commitmeta",
                text: "the signatures of the deployed commit \(commit) are missing",
                advice: "'hostctl verify --repair' fetches them anew")
        }
    }

    private var refFindings: [VerificationFinding] {
        refs.filter { $0.commit == nil }.map { ref in
            VerificationFinding(
                kind: "damaged-ref", subject: ref.path, text: "the ref \(ref.path) names no commit",
                advice: "point it at a commit, or remove \(store.path)/refs/\(ref.path)")
        }
    }

    private var fileFindings: [VerificationFinding] {
        comparison.problems.map { problem in
            let path = "\(problem.path) of \(problem.deployment)"
            let text =
                switch problem.kind {
                case .missing: "\(path) is missing"
                case .extra: "\(path) is not in the commit"
                case .changed: "\(path) was changed: \(problem.detail)"
                case .unreadable: "\(path) cannot be read: \(problem.detail)"
                }
            return VerificationFinding(
                kind: problem.kind.rawValue, subject: problem.subject, text: text,
                advice: problem.kind == .extra
                    ? "remove it by hand if nobody wants it" : "'hostctl verify --repair' puts it right")
        }
    }

    private var sysrootFindings: [VerificationFinding] {
        sysroot.map { problem in
            VerificationFinding(
                kind: problem.kind.rawValue, subject: problem.path, text: problem.text, advice: problem.repairAdvice)
        }
    }
}

extension FileProblem {
    /// What a finding about it is about.
    var subject: String { "\(deployment)\(path)" }
}

extension SysrootProblem {
    /// What an operator can do about it.
    var repairAdvice: String {
        switch kind {
        case .missingBootEntries:
            "'hostctl verify --repair' mends a lost link; lost entries have to come back from a backup of /boot"
        case .damagedBootEntry, .duplicateBootEntry, .danglingBootLink:
            "restore the entry from a backup of /boot, or remove it by hand if another deployment boots"
        case .unmountedPartition: "mount it; '/etc/fstab' has its line"
        case .missingKernel: "'hostctl verify --repair' copies it from the deployment"
        case .damagedMirror: "'hostctl verify --repair' writes it anew, and so does any other change"
        case .missingFolder:
            "if another deployment boots, remove the boot entry by hand, then 'hostctl upgrade' deploys anew"
        case .unlistedFolder: "nobody boots it; remove it by hand if nobody wants it"
        case .damagedOrigin: "'hostctl verify --repair' makes it anew, and pins the deployment"
        case .unreadableKeys: "put the key files right; until then no release is accepted"
        case .damagedKernel: "'hostctl verify --repair' copies it from the deployment"
        case .unreadableState where path.hasSuffix("pending.json"):
            "see with 'hostctl status' that no deployment is missing, then remove the file"
        case .unreadableState where path.hasSuffix("revoked.json"):
            "restore the file; without it, keys that were revoked may count again"
        case .unreadableState where path.hasSuffix("state.json"):
            "remove the file and name the origin and channel again with 'hostctl switch'"
        case .unreadableState: "'hostctl verify --repair' makes it anew"
        case .interruptedChange: "any other change completes or removes it"
        case .unreadableCommit, .unreadableFolder: "check the disk and the permissions"
        }
    }
}
