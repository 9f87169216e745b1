// The table of `jotmill users`: its commands, options and examples.
// Owns: their names and help texts, as CommandTable does for the others.

extension CommandTable {
  static let users = Command(
    path: ["users"], synopsis: "manage a file of users and their password verifiers",
    examples: [
      ("jotmill users add ada --email ada@example.com", "asks for the password, twice"),
      ("jotmill users import users.csv", "a table that passlib's hashes are in"),
      ("jotmill users list", "who there is, and whose verifier is out of date"),
    ],
    subcommands: [
      usersAdd, usersList, usersPasswd, usersDisable, usersEnable, usersRemove, usersImport,
    ])

  // MARK: Options that several share

  private static let place = [
    Option(
      "keyring", "DIR", group: "Users",
      "the ring whose users.ndjson it is (default $JOTMILL_KEYRING, else keys)"),
    Option("users", "FILE", group: "Users", "another file of users"),
  ]
  private static let scrypt = Option(
    "scrypt", "N,R,P", group: "Password", "cost of the verifier (default 16384,8,1)")
  private static let json = Option("json", group: "Output", "a JSON object for programs")
  private static let quiet = Option(
    "quiet", short: "q", group: "Output", "nothing but errors")

  // MARK: The commands

  private static let usersAdd = Command(
    path: ["users", "add"], operands: "USERNAME", operandCount: (1, 1),
    synopsis: "add a user, whose password is asked for or read from input",
    options: [
      Option("email", "ADDRESS", group: "User", "mail address, which can be logged in by too"),
      Option("disabled", group: "User", "who can't log in yet"),
      scrypt,
    ] + place + [json, quiet],
    examples: [
      ("jotmill users add ada --email ada@example.com", "asks for the password, twice"),
      (
        "openssl rand -base64 18 | tee pass | jotmill users add robot",
        "a password that nobody typed"
      ),
    ])

  private static let usersPasswd = Command(
    path: ["users", "passwd"], operands: "USERNAME", operandCount: (1, 1),
    synopsis: "give a user another password, asked for or read from input",
    options: [scrypt] + place + [json, quiet],
    examples: [
      ("jotmill users passwd ada", "asks for the new password, twice"),
      ("jotmill users passwd ada --scrypt 65536,8,1 <pass", "with four times the work"),
    ])

  private static let usersDisable = Command(
    path: ["users", "disable"], operands: "USERNAME...", operandCount: (1, .max),
    synopsis: "let users log in no more, nor pass verify --users",
    options: place + [json, quiet],
    examples: [
      ("jotmill users disable ada", "until jotmill users enable ada"),
      ("jotmill users disable --users staff.ndjson ada grace", "of another file, both or none"),
    ])

  private static let usersEnable = Command(
    path: ["users", "enable"], operands: "USERNAME...", operandCount: (1, .max),
    synopsis: "let disabled users log in again",
    options: place + [json, quiet],
    examples: [
      ("jotmill users enable ada", "with the password that she had"),
      ("jotmill users enable --keyring /etc/jotmill ada grace", "of another ring, both or none"),
    ])

  private static let usersRemove = Command(
    path: ["users", "remove"], operands: "USERNAME...", operandCount: (1, .max),
    synopsis: "forget users; their names are free for others",
    options: place + [json, quiet],
    examples: [
      ("jotmill users remove ada", "to keep the name taken, disable it instead"),
      ("jotmill users remove --users staff.ndjson ada grace", "of another file, both or none"),
    ])

  private static let usersList = Command(
    path: ["users", "list"], synopsis: "list the users, and how their passwords are kept",
    options: [
      Option(
        "scrypt", "N,R,P", group: "Password",
        "which cost is current (default 16384,8,1)")
    ] + place + [json],
    examples: [
      ("jotmill users list", "a table"),
      (
        "jotmill users list --json | jq -r '.users[] | select(.current | not).username'",
        "whose verifier the next login will replace"
      ),
    ])

  private static let usersImport = Command(
    path: ["users", "import"], operands: "FILE", operandCount: (1, 1),
    synopsis: "add the users of a CSV or NDJSON file, all of them or none",
    options: [
      Option(
        "column", "NAME", group: "File",
        "holds the verifiers (default hashed_password, password_hash, verifier or password)"),
      Option("dry-run", group: "File", "only say what is wrong with it"),
    ] + place + [json, quiet],
    examples: [
      (
        "jotmill users import users.csv",
        "columns username, email, hashed_password, and is_active or disabled"
      ),
      (
        "sqlite3 -csv -header app.db 'select * from users' | jotmill users import -",
        "straight from an application's database"
      ),
    ])
}
