// Who may use the files of a ring, and whether those that are kept line by line can be read.
// Owns: these findings. Must never: open what is no regular file, take a lock, or end or cut a last
// line whose writer died.

internal import Files

extension RingDirectory {
  // MARK: Permissions

  func auditPermissions(_ found: inout [Finding]) throws {
    try audit(path, directory.status(), .directory, .othersRead, &found)
    for name in [Self.ringName, Self.setName, Self.denylistName] {
      try audit("\(path)/\(name)", directory.status(of: name), .regular, .othersRead, &found)
    }
    let records = [Self.usersName, Self.grantsName]
    let locks =
      [Self.lockName] + (records + [Self.denylistName]).map { RecordLog.lockName(of: $0) }
    for name in records + locks {
      try auditPrivate("\(path)/\(name)", directory.status(of: name), &found)
    }
    let folder = try directory.status(of: Self.privateName)
    audit("\(path)/\(Self.privateName)", folder, .directory, .ownersAlone, &found)
    if folder?.kind == .directory {
      let halves = try privateFolder()
      for name in try halves.names() {
        try auditPrivate("\(path)/\(Self.privateName)/\(name)", halves.status(of: name), &found)
      }
    }
    try auditFoldersAbove(&found)
  }

  private enum Access {
    case othersRead, ownersAlone

    var forbidden: UInt16 { self == .othersRead ? 0o022 : 0o077 }
    var verb: String { self == .othersRead ? "written" : "used" }

    func change(_ kind: FileStatus.Kind) -> String {
      self == .othersRead ? "go-w" : kind == .directory ? "700" : "600"
    }
  }

  private func audit(
    _ name: String, _ status: FileStatus?, _ kind: FileStatus.Kind, _ access: Access,
    _ found: inout [Finding]
  ) {
    guard let status else { return }
    if status.kind == .symbolicLink {
      found.append(Finding(.permissions, "\(name): is a symbolic link; put the file itself there"))
    } else if status.kind != kind {
      found.append(
        Finding(
          .permissions,
          "\(name): is no \(kind == .directory ? "directory" : "regular file"); put one there"))
    } else if status.mode & access.forbidden != 0 {
      found.append(
        Finding(
          .permissions,
          "\(name): can be \(access.verb) by others; mend it with: chmod \(access.change(kind)) "
            + name))
    }
    if status.owner != Process.userID, status.owner != 0 {
      found.append(Finding(.permissions, "\(name): belongs to another user"))
    }
  }

  /// A file that only the ring's owner may use, and must be able to.
  private func auditPrivate(
    _ name: String, _ status: FileStatus?, _ found: inout [Finding]
  ) throws {
    audit(name, status, .regular, .ownersAlone, &found)
    let owner = try directory.status().owner
    if let status, status.owner != owner, owner == Process.userID || Process.userID == 0 {
      found.append(
        Finding(
          .permissions,
          "\(name): belongs to another user than the ring; mend it with: chown \(owner) \(name)"))
    }
  }

  /// Whoever can rename the directory can put another in its place.
  private func auditFoldersAbove(_ found: inout [Finding]) throws {
    var parent = try OpenFile.split(OpenFile.absolute(path)).directory
    while true {
      if let status = try OpenFile.status(at: parent), status.mode & 0o022 != 0,
        status.mode & 0o1000 == 0
      {
        found.append(
          Finding(
            .permissions,
            "\(parent): the ring is inside it, and it can be written by others; mend it with: chmod "
              + "go-w \(parent)"))
      }
      if parent.utf8.count <= 1 { break }
      parent = OpenFile.split(parent).directory
    }
  }

  // MARK: Records

  /// Users, spent tokens and revoked ones, read as the commands read them.
  func auditRecords(_ found: inout [Finding]) throws {
    let readers: [(name: String, read: () throws -> Void)] = [
      (Self.usersName, { _ = try UsersFile(self.usersPath).load() }),
      (Self.grantsName, { try GrantLedger.check(self) }),
      (Self.denylistName, { try self.checkDenylist() }),
    ]
    for (name, read) in readers where try directory.status(of: name)?.kind == .regular {
      do { try read() } catch let error as KeyringError {
        // What others may do has been said.
        guard error.code != .unsafePermissions else { continue }
        found.append(Finding(.badFile, "\(error); mend the line"))
      } catch {
        found.append(Finding(.badFile, "\(error)"))
      }
    }
  }

  /// Checks every line within bounded memory.
  private func checkDenylist() throws {
    let file = try OpenFile.open(Self.denylistName, in: directory, .read, followsLinks: false)
    var reader = DenylistReader(file.path, keepsEntries: false)
    let pass = try reader.readLines(file)
    try reader.readLast(pass.rest)
  }
}
