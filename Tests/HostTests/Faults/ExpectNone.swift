import TestSupport
import Testing

/// There are no faults; those that there are stand in the failure.
func expectNone(_ faults: [String], _ what: String, sourceLocation: SourceLocation = #_sourceLocation) {
    if !faults.isEmpty { Issue.record("seed \(Campaign.seed), \(what): \(faults)", sourceLocation: sourceLocation) }
}
