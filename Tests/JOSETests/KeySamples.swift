// Key files as the openssl program writes them, one of each kind that its library must tell apart.
// Owns: sample files. Must never: hold a key that anybody uses.

enum KeySamples {
  /// RSA 2048, PKCS#1.
  static let rsaPKCS1 = """
    -----BEGIN RSA PRIVATE KEY-----
    MIIEowIBAAKCAQEA5uTIaJCfgtxrkkaFHCV3x3+E9pI/snpMemVnmR/I9sSc6kBa
    ceDm3LDuFHuiqQr92tfon8uEkrxiuDAozaysEZzQQY8MPjXRnBvUkMnSEZhuI1J9
    9ncqhdzsPGtLgK1Z4cq8tifwR7oAcxjMF5lUS3QQX3VSbaqyGtPfj2DTeQBChIAP
    sYWGmJy+GEtRuP4fHfzt3xC08V6tOHp50c0kgjycXNzd0qxZhrTj8Tz20YKt7l77
    LCLYo+dkr0kiu3AFP1GpR7M67ObIxF0HxLVo5zv0b+HS1QlJ6tsgwK5x9fhrbu33
    wzPChW464RTn01k/Wb7XbJV1tIcDyFKku+N5IQIDAQABAoIBAERZmIv/uACMkJmK
    H7Bf1Q/tC2bUj1+dvZMD/sGA+8Q1GsBrkXqhmaXeCHRuzw2cj95fSOE45YNsmgqt
    Uv7jrUI/ehTWLEkkNGsyf9/mprWHup7hNiGmUCO1bQdLudubNX7WPbvsocAR6z0n
    K4+W17HIZ2piuCZ3v+aaLtVqU9++6IBMD0wPwR7yUmEMt3Tzo73cJUOEVLUW1IMK
    GmmhQJrKHkZsdDds8cah3AYStXrVSLyiSA1jevQBNrBAta2O3/CNUNBWOjCYHFPi
    MTGQzFl3SOh/WtK91VuQRqmUOLLm15zqK1NVl7HMeDPLpPX6UVMYCP5fQGtNwmfB
    S7BZ+6sCgYEA9E4v3iVeOU3xsue3Lghyg5jt2s/DpWSlmEEJIvlTyF51RwKZH5r9
    99QDOfjsSrNB3qciVOe+szGxa1kJ4yR3wdVsdDXk6W1mROuOs2thBkoIYK6fLTLy
    BqLhJ/HobWJ6NF6cL4S4Laha0+79c9rFcGNIOkVfhOeDfCruBdIXYUsCgYEA8fI+
    R4Q1iZlmaoC4cmRmM8NlZeSBs40tf4kS4S89N9n6y47CkfEEV18a5yOHBihI7jxv
    pdRXQ07OFT1DPa+f/DfVrz0Ise7ykllPeSJ7hIea7tBHrUdZhdxP83cma7lZuP8u
    a+2U/Tcete/vqJLKOQynSoLAYmTVKhq9zAN/98MCgYEAxubFSBqqXQNdjefjloHg
    Ic4nkOdohUatH4mLk8LkeJSW7QprenTo4pXlTpSgZK0PKuRuKixHcYM6zIhAaYLu
    UYyecPrT9UxRYDlcBC2fX8x0h6qEA/ufWtHPeIMWVcBAeFSy2mk2vk18LWI9Tc7G
    wprCWlbSztTikvwsr+Z9jIMCgYA9QdkU4FtxwD4W/wo0JElgF7vHhYh1PmxjmwAF
    taEpT+5YtYd7zesMeA7msK8SFwcIEpMuCEojx4MUC5PHvXyjLjvTB3/5FQejmCsv
    /1QIpRDMID3VmHgJFVPEz8kRgzc9SJanStrrFZaX9+zU4H2E3jhI/Dvbba4u3+Bo
    FAbFYwKBgGlzBWprjPjqVnoPKCEITTBPPBUpwScjyOnrHy2KKopGeEAL8+3rpDPc
    94zwopreKMV6ifZDOzvUPo15XGAJmGm6KTQuusqt6hvUO5smttEISFJla77vUmcV
    9HvnjXeZ8Gugqo+pJs4zKnSA7hadp1hi+RHSNxAGZobC0O88GJ/S
    -----END RSA PRIVATE KEY-----

    """

  /// Its public half, PKCS#1.
  static let rsaPublicPKCS1 = """
    -----BEGIN RSA PUBLIC KEY-----
    MIIBCgKCAQEA5uTIaJCfgtxrkkaFHCV3x3+E9pI/snpMemVnmR/I9sSc6kBaceDm
    3LDuFHuiqQr92tfon8uEkrxiuDAozaysEZzQQY8MPjXRnBvUkMnSEZhuI1J99ncq
    hdzsPGtLgK1Z4cq8tifwR7oAcxjMF5lUS3QQX3VSbaqyGtPfj2DTeQBChIAPsYWG
    mJy+GEtRuP4fHfzt3xC08V6tOHp50c0kgjycXNzd0qxZhrTj8Tz20YKt7l77LCLY
    o+dkr0kiu3AFP1GpR7M67ObIxF0HxLVo5zv0b+HS1QlJ6tsgwK5x9fhrbu33wzPC
    hW464RTn01k/Wb7XbJV1tIcDyFKku+N5IQIDAQAB
    -----END RSA PUBLIC KEY-----

    """

  /// P-256, SEC1, behind its parameters.
  static let ecWithParameters = """
    -----BEGIN EC PARAMETERS-----
    BggqhkjOPQMBBw==
    -----END EC PARAMETERS-----
    -----BEGIN EC PRIVATE KEY-----
    MHcCAQEEIKJJ/Bw2b+HwLVv5j+kEdxIFi1sus21hZ0ADJaKa12iloAoGCCqGSM49
    AwEHoUQDQgAEmDTy4FztCqc6XrD8DwdnrzMWaIEmlEWUpYkQaIXpjdObl1um60nE
    oj5onBj4tvJ7n2imYo1k5yvdGfPJ+10gmg==
    -----END EC PRIVATE KEY-----

    """

  /// The same key, SEC1.
  static let ecSEC1 = """
    -----BEGIN EC PRIVATE KEY-----
    MHcCAQEEIKJJ/Bw2b+HwLVv5j+kEdxIFi1sus21hZ0ADJaKa12iloAoGCCqGSM49
    AwEHoUQDQgAEmDTy4FztCqc6XrD8DwdnrzMWaIEmlEWUpYkQaIXpjdObl1um60nE
    oj5onBj4tvJ7n2imYo1k5yvdGfPJ+10gmg==
    -----END EC PRIVATE KEY-----

    """

  /// Its public half.
  static let ecPublic = """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmDTy4FztCqc6XrD8DwdnrzMWaIEm
    lEWUpYkQaIXpjdObl1um60nEoj5onBj4tvJ7n2imYo1k5yvdGfPJ+10gmg==
    -----END PUBLIC KEY-----

    """

  /// The same key, its curve spelled out.
  static let ecExplicit = """
    -----BEGIN EC PRIVATE KEY-----
    MIIBaAIBAQQgokn8HDZv4fAtW/mP6QR3EgWLWy6zbWFnQAMloprXaKWggfowgfcC
    AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////
    MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr
    vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE
    axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W
    K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8
    YyVRAgEBoUQDQgAEmDTy4FztCqc6XrD8DwdnrzMWaIEmlEWUpYkQaIXpjdObl1um
    60nEoj5onBj4tvJ7n2imYo1k5yvdGfPJ+10gmg==
    -----END EC PRIVATE KEY-----

    """

  /// Its public half, its curve spelled out.
  static let ecPublicExplicit = """
    -----BEGIN PUBLIC KEY-----
    MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA
    AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////
    ///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd
    NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5
    RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA
    //////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABJg08uBc7QqnOl6w/A8HZ68z
    FmiBJpRFlKWJEGiF6Y3Tm5dbputJxKI+aJwY+Lbye59opmKNZOcr3RnzyftdIJo=
    -----END PUBLIC KEY-----

    """

  /// The same key under a passphrase, PKCS#8.
  static let encryptedPKCS8 = """
    -----BEGIN ENCRYPTED PRIVATE KEY-----
    MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAitz/3WKVhvSwICCAAw
    DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEPimN7heCk889IxFe6VwTKAEgZCF
    jBevDs61zJXtqvCe4+es2Wmz3sw9S4lC2+Gh7jB7l/LdE3jE6G9XKUqsQiViSxv3
    gcdtchWz/EwIpn6uPEkMaPfMpJ6wus+RUwqZtOqlJ8dAmn8XGsK3Sf32x6NZ7S2x
    Djgnf/09WHNIg6makBZxh5uiTbul8RSHN+Wi1TkrwIMUYGWKik0vYvTcQv+l3h0=
    -----END ENCRYPTED PRIVATE KEY-----

    """

  /// The same key under a passphrase, SEC1.
  static let encryptedSEC1 = """
    -----BEGIN EC PRIVATE KEY-----
    Proc-Type: 4,ENCRYPTED
    DEK-Info: AES-256-CBC,5B7BC90388C84E8DF23C7620FEFA1869

    gDNZ2nPj0NvTPz/dkhPkHt0JbpsN3fJlnPqRSKHkjYSWVFHXpfBexKWk4mSjSQRS
    IUq97L/twesK9u4aYE2p/QG1chNWIMFVezjw1vY/QELwOgpO90mL3PQDXJQwJveb
    Hc487VDweuSQt/PXFOqVK0jbaDH6GAKrLFlV2bQYe/I=
    -----END EC PRIVATE KEY-----

    """

  /// A certificate of the same key.
  static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIBezCCASGgAwIBAgIUDpXHodB5IGy441k3c5wy1TKUSYYwCgYIKoZIzj0EAwIw
    EjEQMA4GA1UEAwwHam90bWlsbDAgFw0yNjExMjEwNzM0MzBaGA8yMTI2MTAyODA3
    MzQzMFowEjEQMA4GA1UEAwwHam90bWlsbDBZMBMGByqGSM49AgEGCCqGSM49AwEH
    A0IABJg08uBc7QqnOl6w/A8HZ68zFmiBJpRFlKWJEGiF6Y3Tm5dbputJxKI+aJwY
    +Lbye59opmKNZOcr3RnzyftdIJqjUzBRMB0GA1UdDgQWBBTV46BOut5wjO0Ow8GM
    TziJndgZIjAfBgNVHSMEGDAWgBTV46BOut5wjO0Ow8GMTziJndgZIjAPBgNVHRMB
    Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIBAOhcJpfziE+lNos4s715P7yst5
    z/DLKUMTp/bBZ8ZoAiEAkwamjo4dOBdoeHqMdAo177f9sxQaFYgoWMLs3Kyn0yI=
    -----END CERTIFICATE-----

    """

  /// A key for key agreement only.
  static let x25519 = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VuBCIEIOAI5qhjiKJwBJ6+krnGkoSVWCOCrwxwp26duD5/Zq9J
    -----END PRIVATE KEY-----

    """
}
