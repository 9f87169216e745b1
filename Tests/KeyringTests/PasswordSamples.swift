// Passwords and their verifiers, as passlib, libpass and Python's bcrypt made them.

enum PasswordSamples {
  /// What made it, the password, the verifier.
  static let all: [(maker: String, password: String, verifier: String)] = [
    (
      "passlib 1.7.4", "correct horse battery staple",
      "$scrypt$ln=14,r=8,p=1$+/+/ABCDEFGHIJKLMNOPQQ$c/OK41QTNTBZIZr1osGcp8lz09sw3ZggE+7RQhxn1Bw"
    ),
    (
      "passlib 1.7.4", "пароль ключ",
      "$scrypt$ln=4,r=16,p=3$+/+/ABCDEFGHIJKLMNOPQQ$xkgSY9aR9QeXHAYgLaX9W5LQjQcxV5JMpToa44bXkyg"
    ),
    ("passlib 1.7.4", "", "$scrypt$ln=4,r=8,p=1$eA$7cwP0Sz5mcP697MHHanq/C98CygFWDkgOV7Nrq0ixbw"),
    (
      "passlib 1.7.4", "a\0b",
      "$scrypt$ln=3,r=1,p=1$+/+/ABCDEFGHIJKLMNOPQfv/vwAQgxBRhyCSizDTj0H7/78AEIMQUYcgkosw049B+"
        + "/+/ABCDEFGHIJKLMNOPQQ$fdSY3VmfG64Ng9f6Z1SBNFrpSUl0nVmLZ/3GAjn6GRM"
    ),
    (
      "passlib 1.7.4", "Zoë",
      "$pbkdf2-sha256$29000$././ABCDEFGHIJKLMNOPQQ$s4zYsw2NafqhnXuiJxPDyYTCPLo..fcYvQr/sjCyFXU"
    ),
    ("passlib 1.7.4", "", "$pbkdf2-sha256$1$MTIzNDU$PZndf7czx79C52c9J5ylvHVNH8FUq5JxjbydS0NlvW4"),
    (
      "passlib 1.7.4", String(repeating: "x", count: 4096),
      "$pbkdf2-sha512$25$././ABCDEFGHIJKLMNOPQQ$lUPRmpzx1VyKWZCmYahNCLZJq1ejJFRLDTyO5SJiA.N2k"
        + "OTnG.OeRIQ/d/CCra6Wsl9c7Sp9OrVFIvSJTlstAQ"
    ),
    ("passlib 1.7.4", "naïve 2a", "$2a$04$abcdefghijklmnopqrstuu1FdkUfU6pqBtALdpDc3rYn/4vmxSxYa"),
    ("passlib 1.7.4", "naïve 2b", "$2b$04$abcdefghijklmnopqrstuueN3SPxqzzl2M2Pl/lVHBUWY.pbyL0zi"),
    ("passlib 1.7.4", "naïve 2y", "$2y$04$abcdefghijklmnopqrstuuS3tFYNHKCL.wuTHqMONyrxBfK5H/VjW"),
    (
      "bcrypt 4.0.1", String(repeating: "é", count: 35) + "x",
      "$2b$04$......................V.tOsR6qeDC43q0CH0aiyhjIrpRmyHq"
    ),
    (
      "bcrypt 4.0.1", String(repeating: "é", count: 36),
      "$2b$04$......................BIObiDA03HkxYscqxSoA.9NjHlW6H06"
    ),
    (
      "bcrypt 4.0.1", String(repeating: "é", count: 36) + "x",
      "$2b$04$......................BIObiDA03HkxYscqxSoA.9NjHlW6H06"
    ),
    (
      "bcrypt 4.0.1", String(repeating: "é", count: 127) + "x",
      "$2b$04$......................BIObiDA03HkxYscqxSoA.9NjHlW6H06"
    ),
    (
      "bcrypt 4.0.1", String(repeating: "é", count: 128),
      "$2b$04$......................BIObiDA03HkxYscqxSoA.9NjHlW6H06"
    ),
    ("bcrypt 4.0.1", "", "$2a$05$zzzzzzzzzzzzzzzzzzzzzeqfrV/JfBGttvr5GTUqFo2MxbR3XSE96"),
    (
      "libpass 1.9.4", "open sesame",
      "$scrypt$ln=16,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$/58dtXgVnQgySq8m3isyfvUXqZg8+HuY9isPWzgf5y0"
    ),
    (
      "libpass 1.9.4", "open sesame",
      "$pbkdf2-sha512$1000$AAECAwQFBgcICQoLDA0ODw$/Y3PfdbuwN0hSG3c/lN6mYzNH5.IOuKmP8hzho74iny"
        + "JxBsI1w.Y1jg8EJgStyaqDcUthgFM9vZZIJngfXBF1Q"
    ),
    (
      "libpass 1.9.4", "open sesame",
      "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW"
    ),
    (
      "bcrypt 5.0.0", String(repeating: "x", count: 72),
      "$2b$04$......................SZFhVdUK5wGKY4lx/QrgUMHG0XsWjbi"
    ),
  ]
}
