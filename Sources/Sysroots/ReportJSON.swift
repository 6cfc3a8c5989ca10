import Checksums
import Signatures
public import TrustMetadata

// The JSON of `hostctl status --json` and of the status file: format 1. Members may be added; none changes its
// meaning within a format. What is not known is left out.

extension SysrootReport {
    /// The report as JSON.
    public var json: JSONValue {
        .known([
            "format": 1, "root": .string(root), "running": .bool(isRunning),
            "usr-overlay": isUsrWritable ? true : .null, "written": JSONValue(writtenAt),
            "origin": JSONValue(state?.origin), "channel": JSONValue(state?.channel),
            "architecture": JSONValue(state?.architecture), "deployments": .array(deployments.map(\.json)),
            "problems": .array(problems.map(\.json)), "last-failure": lastFailure?.json ?? .null,
            "last-automatic-run": lastAutomaticRun?.json ?? .null, "hold": hold?.json ?? .null,
            "boots": boots?.json ?? .null,
        ])
    }

    /// - Throws: `TrustMetadataError.malformed`.
    init(_ fields: JSONFields) throws(TrustMetadataError) {
        self.init(root: try fields.string("root"))
        isRunning = try fields.bool("running")
        writtenAt = try fields.optionalInteger("written")
        if let origin = try fields.optionalString("origin") {
            state = try SysrootState(
                origin: origin, channel: fields.string("channel"), architecture: fields.string("architecture"))
        }
        for deployment in try fields.objects("deployments") { deployments.append(try DeploymentRecord(deployment)) }
        problems = try SysrootProblem.list(fields)
        lastFailure = try fields.has("last-failure") ? FailureRecord(fields.fields("last-failure")) : nil
        if fields.has("last-automatic-run") {
            lastAutomaticRun = try AutomaticRun(known: fields.fields("last-automatic-run"))
        }
        boots = try fields.has("boots") ? BootRecords(fields.fields("boots")) : nil
        hold = try fields.has("hold") ? UpdateHold(fields.fields("hold")) : nil
    }
}

extension DeploymentRecord {
    var json: JSONValue {
        .known([
            "index": .integer(Int64(index)), "stateroot": .string(stateroot), "commit": .string(checksum.hex),
            "serial": .integer(Int64(name.serial)), "version": JSONValue(version), "channel": JSONValue(channel),
            "refspec": JSONValue(refspec), "timestamp": JSONValue(timestamp), "listed": .bool(isListed),
            "default": .bool(isDefault), "booted": .bool(isBooted), "pinned": .bool(isPinned),
            "staged": isStaged ? true : .null, "tries-left": JSONValue(triesLeft.map { Int64($0) }),
            "tries-unknown": areTriesUnknown ? true : .null,
            "signature": verdict?.json ?? .null, "deployed": JSONValue(deployedAt), "command": JSONValue(command),
            "boot-checksum": JSONValue(bootChecksum),
            "kernel-arguments": .array(kernelArguments.map { .string($0) }),
            "problems": .array(problems.map(\.json)),
        ])
    }

    init(_ fields: JSONFields) throws(TrustMetadataError) {
        guard let checksum = Checksum(hex: try fields.string("commit")) else {
            throw fields.malformed("a commit is no checksum")
        }
        let name = DeploymentName(
            stateroot: try fields.string("stateroot"), checksum: checksum, serial: Int(try fields.integer("serial")))
        self.init(index: Int(try fields.integer("index")), name: name)
        version = try fields.optionalString("version")
        channel = try fields.optionalString("channel")
        refspec = try fields.optionalString("refspec")
        timestamp = try fields.optionalInteger("timestamp")
        isListed = try fields.bool("listed")
        isDefault = try fields.bool("default")
        isBooted = try fields.bool("booted")
        isPinned = try fields.bool("pinned")
        isStaged = try fields.has("staged") ? fields.bool("staged") : false
        triesLeft = try fields.optionalInteger("tries-left").map { Int(clamping: $0) }
        areTriesUnknown = try fields.has("tries-unknown") ? fields.bool("tries-unknown") : false
        verdict = try fields.has("signature") ? Verdict(fields.fields("signature")) : nil
        deployedAt = try fields.optionalInteger("deployed")
        command = try fields.optionalString("command")
        bootChecksum = try fields.optionalString("boot-checksum")
        kernelArguments = try fields.strings("kernel-arguments")
        problems = try SysrootProblem.list(fields)
    }
}

extension Verdict {
    var json: JSONValue {
        switch self {
        case .trusted(let ids): ["verdict": "trusted", "keys": .array(ids.map { .string($0) })]
        case .revoked(let ids): ["verdict": "revoked", "keys": .array(ids.map { .string($0) })]
        case .unknownKey: ["verdict": "unknown-key", "keys": []]
        case .invalid: ["verdict": "invalid", "keys": []]
        case .unsigned: ["verdict": "unsigned", "keys": []]
        }
    }

    init(_ fields: JSONFields) throws(TrustMetadataError) {
        let ids = try fields.strings("keys")
        switch try fields.string("verdict") {
        case "trusted": self = .trusted(keyIDs: ids)
        case "revoked": self = .revoked(keyIDs: ids)
        case "unknown-key": self = .unknownKey
        case "invalid": self = .invalid
        case "unsigned": self = .unsigned
        case let other: throw fields.malformed("'\(other)' is no verdict")
        }
    }
}

extension SysrootProblem {
    var json: JSONValue { ["kind": .string(kind.rawValue), "path": .string(path), "text": .string(text)] }

    static func list(_ fields: JSONFields) throws(TrustMetadataError) -> [SysrootProblem] {
        var problems: [SysrootProblem] = []
        for member in try fields.objects("problems") {
            let kind = try member.string("kind")
            guard let known = Kind(rawValue: kind) else { throw member.malformed("'\(kind)' is no problem") }
            problems.append(try SysrootProblem(known, path: member.string("path"), member.string("text")))
        }
        return problems
    }
}

extension FailureRecord {
    var json: JSONValue {
        .known([
            "time": .integer(time), "command": .string(command), "reason": .string(reason),
            "advice": JSONValue(advice),
        ])
    }

    init(_ fields: JSONFields) throws(TrustMetadataError) {
        try self.init(
            time: fields.integer("time"), command: fields.string("command"), reason: fields.string("reason"),
            advice: fields.optionalString("advice"))
    }
}
