// The report's style sheet and hatching, for light and dark screens, narrow ones, and paper.
// Owns: colours (Okabe and Ito's palette) and room. Must never: refer to anything outside the file.

enum ReportStyle {
  /// What is rejected is hatched as well as red, for those who see no red and for grey print.
  static let patterns = """
    <svg width="0" height="0" class="defs" aria-hidden="true"><defs><pattern id="hatch" width="6" \
    height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" \
    height="6" class="hatch-ground"/><rect width="2" height="6" class="hatch-line"/></pattern>\
    <pattern id="none" width="5" height="5" patternUnits="userSpaceOnUse" \
    patternTransform="rotate(-45)"><rect width="1" height="5" class="gap-line"/></pattern>\
    </defs></svg>
    """

  static let css = """
    :root { --paper: #ffffff; --card: #f6f8fa; --ink: #1f2328; --soft: #59636e; --line: #d8dee4; \
    --rule: #e8ecf0; --ok: #0072b2; --ok-soft: #d6ecfa; --no: #d55e00; --no-ink: #b23c00; \
    --no-light: #f0a36b; --good: #116329; --esc: #fff1cc; --esc-ink: #6b4e00; --life: #e5b44b; \
    --use: #004e7c }
    @media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --card: #161b22; \
    --ink: #e6edf3; --soft: #9da7b3; --line: #30363d; --rule: #21262d; --ok: #56b4e9; \
    --ok-soft: #10324c; --no: #e8743b; --no-ink: #ff9b73; --no-light: #8c3a12; --good: #56d364; \
    --esc: #3a2f10; --esc-ink: #f0cf7a; --life: #94701c; --use: #9bd3f5 } }
    * { box-sizing: border-box }
    body { margin: 0 auto; padding: 32px 24px 48px; max-width: 1060px; background: var(--paper); \
    color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, \
    Arial, sans-serif }
    .defs { position: absolute }
    h1 { margin: 0; font-size: 28px; line-height: 1.25; overflow-wrap: anywhere }
    h2 { margin: 0 0 8px; font-size: 18px }
    p { margin: 0 0 8px }
    .kind { margin: 0 0 2px; color: var(--ok); font-weight: 600; font-size: 13px; \
    letter-spacing: .04em; text-transform: uppercase }
    .muted, .note, .lead, footer { color: var(--soft) }
    .note, footer { font-size: 13px }
    .note { margin: 8px 0 0 }
    code, .kid { font: 13px/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", \
    monospace }
    section { margin-top: 36px }
    footer { margin-top: 40px; padding-top: 16px; border-top: 1px solid var(--line) }
    .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 24px 0 16px }
    .tile { padding: 12px 16px; border: 1px solid var(--line); \
    border-radius: 8px; background: var(--card) }
    .tile dt { color: var(--soft); font-size: 13px }
    .tile dd { margin: 0; font-size: 24px; font-weight: 600; line-height: 1.3; \
    font-variant-numeric: tabular-nums }
    .tile dd span { display: block; color: var(--soft); font-size: 14px; font-weight: 400 }
    .tile.good { border-left: 4px solid var(--ok) }
    .tile.bad { border-left: 4px solid var(--no) }
    .findings { margin: 0; padding: 0; list-style: none }
    .findings li { padding: 2px 0 2px 26px; position: relative }
    .findings li::before { position: absolute; left: 4px; font-weight: 700; content: "·" }
    .findings .bad::before { content: "!"; color: var(--no-ink) }
    .findings .good::before { content: "✓"; color: var(--good) }
    .legend { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 18px; \
    margin-bottom: 8px; color: var(--soft); font-size: 13px }
    .key { display: inline-flex; align-items: center; gap: 6px }
    .plot { display: grid; grid-template-columns: auto 1fr; column-gap: 8px }
    svg { display: block; overflow: visible }
    .ok { fill: var(--ok) }
    .no { fill: url(#hatch); stroke: var(--no); stroke-width: .75 }
    .bad { fill: var(--no) }
    .hatch-ground { fill: var(--no) }
    .hatch-line { fill: var(--no-light) }
    .gap { fill: url(#none) }
    .gap-line { fill: var(--soft) }
    .lab { fill: var(--soft); font-size: 12px; text-anchor: middle }
    .lab.start { text-anchor: start }
    .lab.end { text-anchor: end }
    .lab.ctx { font-weight: 600 }
    .tick, .rule { stroke: var(--rule) }
    .base { stroke: var(--soft) }
    .wide { overflow-x: auto }
    details { margin-top: 12px }
    summary { cursor: pointer; color: var(--soft); font-size: 13px }
    table { width: 100%; border-collapse: collapse; font-size: 14px }
    th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--rule); text-align: left; \
    vertical-align: middle; font-weight: 400 }
    thead th { color: var(--soft); font-size: 13px; border-bottom: 1px solid var(--line); \
    vertical-align: bottom }
    .num { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
    .some { color: var(--no-ink); font-weight: 600 }
    .share { width: 26%; min-width: 60px; padding-right: 0 }
    .when { width: 28% }
    .peak { display: block; margin-top: 4px; color: var(--soft); font-size: 12px; line-height: 1.3 }
    .uses b { white-space: nowrap }
    .means { display: block; color: var(--soft); font-size: 13px; max-width: 46ch }
    .name { white-space: pre-wrap; overflow-wrap: anywhere }
    .esc { padding: 0 2px; border-radius: 3px; background: var(--esc); color: var(--esc-ink); \
    font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
    .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; \
    clip-path: inset(50%) }
    .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 40px }
    .half { min-width: 0 }
    .keyrow, .keyaxis { display: grid; grid-template-columns: 230px 1fr; column-gap: 16px }
    .keyrow { border-top: 1px solid var(--line) }
    .who { padding: 6px 0; font-size: 13px; line-height: 1.4 }
    .alg, .uses { color: var(--soft) }
    .uses { display: block }
    .tag { display: inline-block; padding: 0 6px; border: 1px solid var(--no); \
    border-radius: 9px; color: var(--no-ink); font-size: 12px }
    .badtext { color: var(--no-ink) }
    .win { fill: var(--ok-soft); stroke: var(--ok) }
    .line > svg { overflow: hidden }
    .life { fill: var(--life) }
    .use { fill: var(--use) }
    .out { fill: var(--no); stroke: var(--paper); stroke-width: 1 }
    .rev { fill: none; stroke: var(--no); stroke-width: 2.5 }
    .rev.dash { stroke-width: 2; stroke-dasharray: 6 4 }
    @media screen and (max-width: 760px) { .t3 { display: none } \
    .first { text-anchor: start } .last { text-anchor: end } .pair { grid-template-columns: 1fr } \
    .when { display: none } .keyrow, .keyaxis { grid-template-columns: 1fr } \
    .keyaxis .who { display: none } .who { padding-bottom: 0 } }
    @media screen and (max-width: 460px) { .half .share { display: none } .t2 { display: none } body { padding: 20px 14px } \
    .tiles { grid-template-columns: 1fr 1fr } .tile { padding: 8px 12px } .tile dd { font-size: 20px } \
    .tile dd span { font-size: 13px } }
    @media print { :root { color-scheme: light } body { max-width: none; padding: 0; \
    font-size: 10pt } h1 { font-size: 18pt } h2 { font-size: 12.5pt } \
    section { margin-top: 22pt } table { font-size: 9pt } code, .kid { font-size: 8.5pt } \
    .t3 { display: none } .first { text-anchor: start } \
    .last { text-anchor: end } .pair { column-gap: 24px } th, td { padding: 2.5pt 8pt 2.5pt 0 } \
    .means, .peak, .who, .note, footer { font-size: 8pt } .tile dd { font-size: 15pt } \
    .half .share { width: 18%; min-width: 30pt } .tile { padding: 6pt 9pt } .tiles { grid-template-columns: repeat(auto-fit, minmax(90px, 1fr)) } \
    .keyrow, .keyaxis { grid-template-columns: 200px 1fr } * { print-color-adjust: exact; -webkit-print-color-adjust: exact } \
    details { display: none } h2, .lead, .legend, .keyaxis { break-after: avoid } \
    tr, .keyrow, .chart, .tiles, .legend { break-inside: avoid } .half { break-inside: avoid } \
    .wide { overflow: visible } }
    @page { margin: 14mm }

    """
}
