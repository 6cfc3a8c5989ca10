import LinuxSystem
import ObjectFormats
import ObjectStorage
import Releases
import SysrootFixtures
import SystemPackage
import TestSupport
import Testing

/// Servers that fail for a while, and origins that change while they are read.
@Suite struct HostileServerOutageTests {
    private let origin: HostileServerFixture

    init() throws { origin = try HostileServerFixture() }

    @Test("an upgrade asks for index, manifest, commit and signatures, in this order, before any object")
    func order() throws {
        try origin.host.change("upgrade")
        let first = origin.server.requests.prefix(4).map(\.path)
        #expect(
            try first == [
                origin.indexPath, origin.manifestPath(), origin.commitPath(), origin.signaturesPath(),
            ])
    }

    @Test("an upgrade asks for what is new alone, and for each object once") func onlyNew() throws {
        try origin.host.change("upgrade")
        var old = Set<String>()
        var new = Set<String>()
        try origin.origin.store.forEachObject(of: origin.commit("1")) { old.insert(origin.path(of: $0)) }
        try origin.origin.store.forEachObject(of: origin.commit("2")) { new.insert(origin.path(of: $0)) }
        let asked = origin.server.requests.map(\.path).filter { $0.hasPrefix("store/") && !$0.hasSuffix("meta") }
        #expect(Set(asked) == new.subtracting(old))
        #expect(asked.count == Set(asked).count)
    }

    @Test("--check asks for index and manifest alone") func check() throws {
        try origin.host.change("upgrade", "--check")
        #expect(try origin.server.requests.map(\.path) == [origin.indexPath, origin.manifestPath()])
    }

    @Test("after an outage nothing is fetched twice", arguments: [7, 14])
    func outage(_ requests: Int) throws {
        let before = try origin.state()
        origin.server.breakDown(after: requests)
        let result = try origin.host.onSysroot("upgrade")
        #expect(result.status == 5, "\(result.errorText)")
        #expect(result.errorText.contains("what has arrived is kept for the next run"))
        #expect(try origin.state() == before)
        try origin.expectRecovery()
        let complete = origin.server.requests.filter { $0.status == 200 }.map(\.path)
        let objects = complete.filter { $0.hasSuffix(".filez") || $0.hasSuffix(".dirtree") || $0.hasSuffix(".dirmeta") }
        #expect(objects.count == Set(objects).count)
        #expect(objects.count >= 10)
    }

    @Test("a server that is down altogether is a network failure") func down() throws {
        origin.server.breakDown(after: 0)
        try origin.expectFailure(5, "cannot fetch")
    }

    @Test("an object that the origin lacks is a network failure that names it") func missingObject() throws {
        let name = try origin.newObject(.file)
        origin.server.set(.status(404), for: origin.path(of: name))
        try origin.expectFailure(5, origin.path(of: name), "the server answered 404")
    }

    @Test("an object that fails twice and then works is no failure", arguments: [ObjectKind.dirtree, .file])
    func failsTwice(_ kind: ObjectKind) throws {
        let path = origin.path(of: try origin.newObject(kind))
        origin.server.set(.times(2, .status(503)), for: path)
        try origin.host.change("upgrade")
        try origin.host.expectAgreement(["2", "1"])
        #expect(origin.server.requests(of: path).map(\.status) == [503, 503, 200])
    }

    @Test("an object whose connection breaks twice is no failure") func breaksTwice() throws {
        let path = origin.path(of: try origin.newObject(.file))
        origin.server.set(.times(2, .truncated(at: 5)), for: path)
        try origin.host.change("upgrade")
        try origin.host.expectAgreement(["2", "1"])
    }

    @Test("a server that closes each connection after an answer is slow, no failure") func noKeepAlive() throws {
        origin.server.limitConnections(to: 1)
        try origin.host.change("upgrade")
        try origin.host.expectAgreement(["2", "1"])
    }

    @Test("connections are kept: an upgrade makes no more than one for each worker") func keepAlive() throws {
        let before = origin.server.connectionCount
        try origin.host.change("upgrade")
        #expect(origin.server.connectionCount - before <= 9)
        #expect(origin.server.requests.count >= 18)
    }

    @Test("a publication while a client reads gives it the old or the new release, whole", arguments: 0..<5)
    func publication(_ place: Int) throws {
        let places = try [
            origin.indexPath, origin.manifestPath(), origin.commitPath(), origin.signaturesPath(),
            origin.path(of: origin.newObject(.file)),
        ]
        let host = origin.host
        let result = Guarded<String?>(nil)
        let arguments =
            ["release", "publish", host.origin.string, HostFixture.ref, "--store", host.builds.path.string]
            + ["--key", host.key.string]
        _ = try HostFixture.image("3").commit(to: host.builds, ref: HostFixture.ref)
        origin.server.set(
            .after {
                do {
                    let published = try run([BuiltProducts.hostctl] + arguments)
                    result.with { $0 = published.errorText }
                } catch { result.with { $0 = "\(error)" } }
            }, for: places[place])
        try host.change("upgrade")
        #expect(result.with { $0 } == "")
        try host.expectAgreement(place == 0 ? ["3", "1"] : ["2", "1"])
        try origin.expectRecovery(place == 0 ? ["3", "1"] : ["3", "2"])
    }

    @Test("upgrades in a loop beside publications in a loop always give a whole release") func publications() throws {
        let host = origin.host
        let isDone = StopFlag()
        let origin = host.origin.string
        let builds = host.builds
        let key = host.key.string
        let root = host.root.string
        let upgrades = Guarded<[String]>([])
        try Workers.run(2) { worker, stop in
            if worker == 0 {
                defer { isDone.set() }
                for version in 3..<9 {
                    _ = try HostFixture.image("\(version)").commit(to: builds, ref: HostFixture.ref)
                    let arguments = [origin, HostFixture.ref, "--store", builds.path.string, "--key", key]
                    let result = try run([BuiltProducts.hostctl, "release", "publish"] + arguments)
                    if result.status != 0 { throw CommandFailed(command: "publish", errors: result.errorText) }
                }
            } else {
                while !isDone.isSet, !stop.isSet {
                    let result = try run([BuiltProducts.hostctl, "upgrade", "--sysroot", root])
                    if result.status != 0 { throw CommandFailed(command: "upgrade", errors: result.errorText) }
                    upgrades.with { $0.append(result.text) }
                }
            }
        }
        #expect(upgrades.with { $0.count } > 1)
        try host.change("upgrade")
        #expect(try host.versions().first == "8")
        try host.expectAgreement()
    }

    @Test("a release that is pruned while it is fetched is a failure, and the next run gets the newer one")
    func pruned() throws {
        let host = origin.host
        let path = origin.path(of: try origin.newObject(.dirtree))
        try host.publish("3")
        let arguments = ["release", "prune", host.origin.string, "--keep", "1", "--key", host.key.string]
        origin.server.set(
            .after {
                do { _ = try run([BuiltProducts.hostctl] + arguments) } catch { print(error) }
            }, for: path)
        let result = try host.hostctl(["upgrade", "--version", "2", "--sysroot", host.root.string])
        #expect(result.status == 5 && result.errorText.contains("404"), "\(result.errorText)")
        try host.expectAgreement(["1"])
        try origin.expectRecovery(["3", "1"])
    }
}
