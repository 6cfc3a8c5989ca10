import Checksums
import Deployments
import Glibc
import LinuxSystem
import Sysroots
import SystemPackage

// deployment-trial ROOT deploy COMMIT REFSPEC | install STATEROOT COMMIT REFSPEC | rollback | reset | finalize | cleanup | repair | hold
//
// With a folder `running` beside the root, it is the running host's.

let arguments = Array(ProcessStart.arguments.dropFirst())
let root = FilePath(arguments[0])

let running = root.removingLastComponent().appending("running")
let host = RunningHost(
    marker: running.appending("marker"), commandLine: running.appending("cmdline"), root: running.appending("root"),
    ostree: root.appending("ostree"), state: running.appending("var"))

func checksum(_ text: String) -> Checksum {
    guard let checksum = Checksum(hex: text) else { fatalError("\(text) is no checksum") }
    return checksum
}

do {
    if arguments[1] == "install" { try SysrootChange.initialize(root: root, stateroot: arguments[2]) }
    if arguments[1] == "finalize" {
        let occasion: SysrootChange.Occasion = arguments.contains("--resume") ? .resumption : .shutdown
        print(try SysrootChange.finalize(root: root, occasion, host: host))
        exit(0)
    }
    if arguments[1] == "cleanup" {
        print(try SysrootChange.cleanUp(root: root, command: "hostctl cleanup", host: host).items)
        exit(0)
    }
    if arguments[1] == "repair" {
        let mended = try SysrootRepair.run(root: root, command: "hostctl verify", host: host) { repair in
            repair.run { fatalError("\($0): \($1)") }
        }
        print(mended)
        exit(0)
    }
    let change = try SysrootChange(root: root, command: "hostctl \(arguments[1])", host: host)
    switch arguments[1] {
    case "deploy": print(try change.deploy(DeployRequest(commit: checksum(arguments[2]), refspec: arguments[3])).name)
    case "install":
        let request = DeployRequest(commit: checksum(arguments[3]), refspec: arguments[4], stateroot: arguments[2])
        print(try change.deploy(request).name)
    case "rollback": print(try change.rollback().name)
    case "reset": print(try change.factoryReset(ResetRequest()).deployment.name)
    case "hold":
        print("held")
        _ = try Descriptor(opening: "/dev/stdin").readToEnd(limit: 16)
    default: fatalError("unknown verb \(arguments[1])")
    }
    withExtendedLifetime(change) {}
} catch {
    print("error: \(error)")
    throw error
}
