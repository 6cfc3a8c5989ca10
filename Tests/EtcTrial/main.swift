import EtcMerges
import LinuxSystem
import SystemPackage

// etc-trial OLD LIVE DEPLOYMENT [POLICY]

let arguments = Array(ProcessStart.arguments.dropFirst())
let policy = arguments.count > 3 ? EtcPolicy(rawValue: arguments[3]) ?? .keep : .keep
do {
    let plan = try EtcMerge.apply(
        old: FilePath(arguments[0]), live: FilePath(arguments[1]), into: FilePath(arguments[2]), policy: policy)
    for conflict in plan.conflicts { print(conflict.sentence) }
} catch {
    print("error: \(error)")
    throw error
}
