// The colours, lines and hatching of PlanPicture, on light and on dark pages.
// Owns: what is told apart by shape as well as by colour (Okabe and Ito's palette). Must never: use
// CSS variables, which converters to PNG and PDF do not know.

enum PlanPictureStyle {
  static let patterns = """
    <pattern id="jotmill-hatch" width="6" height="6" patternUnits="userSpaceOnUse" \
    patternTransform="rotate(45)"><rect width="6" height="6" class="hatch-ground"/>\
    <rect width="2" height="6" class="hatch-line"/></pattern>

    """

  static let css = """
    text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; \
    fill: #1f2328 }
    path { fill: none }
    .title { font-size: 18px; font-weight: 600 }
    .kid { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }
    .label, .muted, .context, .nowtext { font-size: 11px }
    .muted { fill: #59636e }
    .context, .nowtext { font-weight: 600 }
    .mid { text-anchor: middle }
    .end { text-anchor: end }
    .good { fill: #116329 }
    .bad, .broken { fill: #b32400 }
    .bad { font-weight: 600 }
    .on-signs { fill: #ffffff; font-weight: 600 }
    .paper { fill: #ffffff; stroke: #d1d9e0 }
    .paper-under { fill: #ffffff }
    .past { fill: #f3f5f7 }
    .grid { stroke: #e4e8ec }
    .axis { stroke: #818b98 }
    .now { stroke: #1f2328; stroke-width: 1.5 }
    .ahead { fill: #d6ecfa; stroke: #0072b2 }
    .signs { fill: #0067a3; stroke: #0067a3 }
    .verifies { fill: url(#jotmill-hatch); stroke: #b27b00 }
    .hatch-ground, .under { fill: #fdf3dc }
    .hatch-line { fill: #e5b44b }
    .leaves { stroke: #1f2328; stroke-width: 2.5 }
    .hand { stroke: #0067a3; stroke-width: 1.5 }
    .waits { stroke: #59636e; stroke-dasharray: 1 3; stroke-width: 2 }
    .revoked { stroke: #c93a00; stroke-dasharray: 6 4; stroke-width: 1.5 }
    .cross { stroke: #c93a00; stroke-width: 2.5 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .muted { fill: #9da7b3 }
      .good { fill: #56d364 }
      .bad, .broken { fill: #ff8a65 }
      .on-signs { fill: #04121f }
      .paper { fill: #0d1117; stroke: #3d444d }
      .paper-under { fill: #0d1117 }
      .past { fill: #161b22 }
      .grid { stroke: #262c34 }
      .axis { stroke: #6e7681 }
      .now, .leaves { stroke: #e6edf3 }
      .ahead { fill: #10324c; stroke: #56b4e9 }
      .signs { fill: #56b4e9; stroke: #56b4e9 }
      .verifies { stroke: #c99a2e }
      .hatch-ground, .under { fill: #2b2310 }
      .hatch-line { fill: #94701c }
      .hand { stroke: #56b4e9 }
      .waits { stroke: #9da7b3 }
      .revoked, .cross { stroke: #ff8a65 }
    }

    """
}
