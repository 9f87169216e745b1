// PS256 signatures of "a message" by the key of RFC 7515 A.2, made by the openssl program.
// Owns: one good signature, and others whose salt or mask a verifier must refuse (RFC 7518 3.5).

enum PSSSamples {
  /// A salt as long as the hash: the only good one.
  static let salt32 = """
    FPSY9EkVuDApIptulK4hq9KssIiBC5QoIvabf9zdGVZ-Wg0-mpdrk55etKeq1-o4t8QxulwzRMESRsdGdyhMG2ZRln\
    _jvxeP4KLDx5ojTEadtjeZnOtDs0pzVjn8GCxhxEkUj5M0dpyUHDmEdev5p7j0kSvpMcayhnoayeizA-mZYgo47voz\
    6JzvCo2Nr8_Mi4ksdrRwKXv6CKIhfm7VvHoiyRMinTmGXh82pzr91Up_IrWFkFCqZQaAr5wjwfc92nUd-Utvd4F_Hj\
    CJDb0Vhm1uFR7ts_Nd1nXzzBSvzQssg0EARhnl0DM5BjKcLLe79xQuYjMTJo_eZLaZCvKR6Q
    """

  /// No salt.
  static let salt0 = """
    YfEMT1XMPN4YWuicK0yGN2u5nE0YjEY3kJw9Sl8U7NW7pbCnxMxlyDVgzK_Ny_IAWNFSJg34nxA_TM1p8_c_YrfgFz\
    pNeyPPSdzPc5j8Xu5XOlOcPTbEL2Y737LQ8fTFY0eOGXXgpvxx_wBGjxmV0rFBJyIz--dJIIcIORA22Vg2YE2hiD77\
    7am-Rcp95_j1lbjvXZHI1feEyKaJxRKRq6GEuyxxU9rwAIWhKgLCErnd64YjzFXOQXSbMcLsyVQZ0eg4vTd95-ebnX\
    oIjb-I67qn3lvx9ZGhHG-Lr52ORvBxswYY9c4G3OvTzlJqBeBBZl9IZh6rWzjTEfWbC-auDg
    """

  /// A shorter salt.
  static let salt20 = """
    dqcri46NQzYuazgpQLEiVUK7nK6KZ0UV7gQ4RlPhEOHSolR91Vp4bJqAXCkde4qC1jhDcTJGZwAidaBagfLJmMcWGg\
    HVF1TsTM19nmhTzUBzLJ1qktIEPeBKiBgQddtqaAXz0QA4WTt-oPCY_Cjs8iwLTPWJyY5SfPYYgpYNGnCZsTvWhDET\
    g9MJvQ_gPDPC1O-tCgEj9rhQ99zX2T07V9pfmJuzfdNyqEHWKlLuzzjqlglURXDdOhB5-_vETVLgTkDsqlTFcRUoUN\
    fFNvYhNy6lHtZDjdu4Vu3coFpfjQ0hzpzIlx0wPIpAVR4vpiQU8G4K_F4EpzWnpbKZvJrBcA
    """

  /// A longer salt.
  static let salt64 = """
    Ps411kf00mXcogdc8OY-W0N-hJ-crXK4I7dtTzWv-Ipvxp4JQL_4_PJJE1mRxbT_YIC4I6C1YNz7nLvqK7MBfFirDh\
    _ICHvsvaEBZu867z71jSDJwBf6c55G1MkyxKKDqJ6Dt0G1jhQWcVBSE5wHFnQifxdcToJb5e2m8z3pNs4yEwlaabeq\
    ZdTVsvTfl8Rm8sy9R-btB_rEE31AvgbDWzA0F-JRe4W34ClrDHiDyfGqJSbBz6iE4-o41yBue24nyT1mAA9HpiJ2eG\
    GSslCRaV_TEqVvP84xW0wP5f4MfbIsoUBKdLSOs5OKLFDvNJNDL9Es5ZJodOfEGvkXEnsxZw
    """

  /// The longest salt that fits.
  static let saltMax = """
    WURwiCN5aiAZb7MUTp9uXXxEZTkIkOWI1khKpbarsVWNPFuWhkW7Kaoyu7HbwZV1aAdEzSMrytJEzQaMgIZZri6-3r\
    FkFpmePyVCCWQSdlhK9TroGSy-RRtZuaBP45KkqjxYkXO3GtmZNNn1_BSD6l-fjVsll9sAe23VxzgYjihkKIredOdK\
    h3RmVsqW7bgSspsij_nWBY0sv6mdkgr4PaEwhMRNrSTH_LgUixlEHQ70DcaWeI0shLRCeIBtFxgtEQSGCblhijbAE9\
    _p50z9hJZZM1z0fMDKMZd0vWGNHeainp2ibVqvE2Sxayix5N5y8IajuXd2sDkbJa2Ni5KLEw
    """

  /// The right salt, but a mask made with SHA-1.
  static let otherMask = """
    UVeQcp8ABWeP9Vw8ysAsk2Oes6lEOkOc6MBbn4izUu-WBWf34Os1A5CQPTp7MEvaWOu7W8_vYGkhgnUS18KSQZLlRF\
    b0YF5l3g14uXzSLFa4PIO3275LcVlFrgSin7H38wMBUcZPRjByRmPn39iTmf3tOq7-9BEetSNkI1dkIqBKK3UiPUK4\
    7vxayQw_2ujkBg4Y7WL5Uxql_8aocTY1_nbBYhvnX34efarshpdaVJhwpC1GhbGHhLHy9cJP7s1AP4giYktBthYMLX\
    nVLZjLkWSg-sje6-vO-VFAGzkL2jE5yMklr14aP9_9kHHsDYcJRBOQzib22WU_DGyI9Qiqag
    """
}
