public import ArgumentParser
public import EtcMerges
import HostctlCommands
import LinuxSystem
import TrustMetadata

extension EtcPolicy: ExpressibleByArgument {}

/// What a merge of /etc comes to, for people and for scripts.
enum EtcOutput {
    /// Conflicts and notes, as warnings.
    @Sendable static func announce(_ plan: EtcPlan) {
        for conflict in plan.conflicts { StandardError.write("warning: \(conflict.sentence)\n") }
        for note in plan.notes { StandardError.write("note: \(note.sentence)\n") }
    }

    static func json(_ plan: EtcPlan) -> JSONValue {
        [
            "local_changes": .integer(Int64(plan.changes.count)),
            "conflicts": .array(
                plan.conflicts.map { conflict in
                    [
                        "path": .string("\(conflict.path)"), "local": .string(conflict.local.rawValue),
                        "image": .string(conflict.image.rawValue), "winner": .string(conflict.winner.rawValue),
                        "detail": conflict.detail.map { .string($0) } ?? .null,
                    ]
                }),
            "notes": .array(
                plan.notes.map { note in ["path": .string("\(note.path)"), "text": .string(note.text)] }),
        ]
    }
}
