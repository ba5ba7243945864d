import Checkpoints
import TestSupport
import Testing

/// Templates of Jinja by what names their attributes. Those that take one have been rendered by Jinja 3.1.6, which looks the inner
/// attribute up; `interop/templates.py` does so with others, made at random.
@Suite("A scan follows the names of a template")
struct TemplateReachTests {
  private func verdict(_ text: String) throws -> CheckpointScan.Verdict {
    let directory = try TemporaryDirectory()
    return try CheckpointScan(try directory.write(Array(text.utf8), as: "chat_template.jinja"))
      .verdict
  }

  /// `M` is a generator, whose frame leads to everything; `J` its frame's name, put together.
  private func expanded(_ text: String) -> String {
    text.replacing("M", with: "(messages|map('trim'))").replacing("J", with: "('gi_' ~ 'frame')")
  }

  static let ways = [
    "{{ M[J] }}", "{{ M['gi_fr' 'ame'] }}", "{{ M['gi_frXame'.replace('X', '')] }}",
    "{{ M['emarf_ig'[::-1]] }}", "{{ M['xgi_framex'[1:-1]] }}",
    "{{ M[['gi', 'frame']|join('_')] }}",
    "{{ M['{}_{}'.format('gi', 'frame')] }}", "{{ M['%s_frame' % 'gi'] }}",
    "{{ M['gi%cframe'|format(95)] }}", "{{ M['Gi_Frame'.lower()] }}", "{{ M['Gi_Frame'|lower] }}",
    "{{ M['a,gi_frame'.split(',')[1]] }}", "{{ M['\\x67i_fram\\145'] }}", "{{ M['gi\\\n_frame'] }}",
    "{{ M['gi\\N{LOW LINE}frame'] }}", "{{ M[(dict(gi_frame=1)|list)[0]] }}",
    "{{ M[{'gi_frame': 1}|first] }}", "{{ M[{'a': J}.a] }}",
    "{{ M[{'a': J}|dictsort|first|last] }}",
    "{% set a = J %}{{ M[a] }}", "{%+ set a = J %}{{ M[a] }}", "{% set a, b = 1, J %}{{ M[b] }}",
    "{% set a %}gi_frame{% endset %}{{ M[a] }}",
    "{% set ns = namespace(a=J) %}{{ M[ns.a] }}{{ M[ns['a']] }}",
    "{% set ns = namespace() %}{% for x in [1] %}{% set ns.a = J %}{% endfor %}{{ M[ns.a] }}",
    "{% set ns = namespace() %}{% set o = [ns] %}{% set ns.a = J %}{{ M[o[0]['a']] }}",
    "{% with a = J %}{{ M[a] }}{% endwith %}", "{% for a in [J] %}{{ M[a] }}{% endfor %}",
    "{% for a, b in {'x': J}.items() %}{{ M[b] }}{% endfor %}",
    "{% for a in [J, 'b'] %}{{ M[loop.previtem] }}{% endfor %}",
    "{% for a in [1] %}{{ M[loop.cycle(J)] }}{% endfor %}",
    "{% for a in [[J]] recursive %}{% if a is string %}{{ M[a] }}{% else %}{{ loop(a) }}{% endif %}{% endfor %}",
    "{% macro m(a) %}{{ M[a] }}{% endmacro %}{{ m(J) }}",
    "{% macro m(b, a=J) %}{{ M[a] }}{% endmacro %}{{ m(1) }}",
    "{% macro m(a) %}{{ M[a] }}{% endmacro %}{{ m(a=J) }}",
    "{% macro m(a) %}{{ M[a] }}{% endmacro %}{{ m(*[J]) }}",
    "{% macro m(a) %}{{ M[a] }}{% endmacro %}{{ m(**{'a': J}) }}",
    "{% macro m(a) %}{{ M[a] }}{% endmacro %}{% set f = m %}{{ f(J) }}",
    "{% macro m() %}{{ M[varargs[0]] }}{% endmacro %}{{ m(J) }}",
    "{% macro m() %}{{ M[a] }}{% endmacro %}{% set a = J %}{{ m() }}",
    "{% macro m() %}gi_frame{% endmacro %}{{ M[m()] }}",
    "{% macro gi_frame() %}{% endmacro %}{{ M[gi_frame.name] }}",
    "{% macro m() %}{{ caller(J) }}{% endmacro %}{% call(a) m() %}{{ M[a] }}{% endcall %}",
    "{% set a = [] %}{% set b = a %}{% set _ = b.append(J) %}{{ M[a[0]] }}",
    "{% do messages.append(J) %}{{ M[messages[-1]] }}", "{{ [M]|map(attribute=J)|list }}",
    "{{ [M]|map('attr', J)|list }}", "{{ [[M]]|map('map', 'attr', J)|map('list')|list }}",
    "{% set a = 'attr' %}{{ [M]|map(a, J)|list }}", "{{ [M]|groupby(J) }}",
    "{{ [M]|selectattr(J)|list }}", "{{ [M]|sum(J) }}",
    // Special tokens come from the same repository.
    "{{ M[image_token] }}", "{% for a in extra_special_tokens %}{{ M[a] }}{% endfor %}",
    // What looks like a text, and is none.
    "{% raw %}{{ ' {% endraw %}{{ M[J] }}{% raw %} ' }}{% endraw %}",
    "{#} {{ ' #}{{ M[J] }}{# ' }} #}", "{{ '{a.gi_frame}'.format(a=M) }}",
  ]

  @Test("that are put together, wherever they go", arguments: ways.indices)
  func made(_ index: Int) throws {
    let text = expanded(TemplateReachTests.ways[index])
    #expect(try verdict(text) != .safe, "\(text)")
  }

  static let named = [
    "{{ M['gi_frame'] }}", "{{ [M]|map(attribute='gi_frame')|list }}",
    "{{ [M]|groupby('gi_code') }}",
    "{% set a = 'gi_frame' %}{{ M[a] }}", "{% for a in ['f_builtins'] %}{{ M[a] }}{% endfor %}",
    "{% macro m(a) %}{{ M[a] }}{% endmacro %}{{ m('gi_frame') }}",
    "{% raw %}{{ ' {% endraw %}{{ M.gi_frame }}{% raw %} ' }}{% endraw %}",
  ]

  @Test("that are written out, as dangerous", arguments: named.indices)
  func written(_ index: Int) throws {
    let text = expanded(TemplateReachTests.named[index])
    #expect(try verdict(text) == .dangerous, "\(text)")
  }

  static let common = [
    "{% set roles = {'user': 'USER', 'assistant': 'BOT_1'} %}{% for m in messages %}{{ roles[m['role']] }}{% endfor %}",
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system_text = messages[0]['content'] %}{% else %}{% set rest = messages %}{% set system_text = '' %}{% endif %}{% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}{{ bos_token + m['content'].strip() + eos_token }}{% endfor %}",
    "{%- set ns = namespace(last_index=messages|length - 1, found=true) %}{%- for m in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{%- if ns.found and m.role == 'user' %}{%- set ns.found = false %}{%- set ns.last_index = index %}{%- endif %}{%- endfor %}{{ messages[ns.last_index].content }}{{ messages[ns.last_index + 1]['content'] }}",
    "{%- for m in messages %}{%- set content = m.content %}{%- if '</think>' in content %}{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}{{ content }}{%- for call in m.tool_calls %}{{ call.function.name ~ '(' ~ (call.arguments|tojson) ~ ')' }}{%- endfor %}{%- endfor %}",
    "{%- macro type_of(spec, depth=0) %}{%- set names = {'string': 'str', 'number': 'float'} %}{%- if spec.type in names %}{{ names[spec.type] }}{%- elif spec['items'] is defined %}{{ 'list[' + type_of(spec['items'], depth + 1) + ']' }}{%- endif %}{%- endmacro %}{%- for tool in tools %}{%- for key, value in tool.function.parameters.properties.items() %}{{ key + ': ' + type_of(value) }}{%- endfor %}{%- endfor %}",
    "{% for m in messages %}{% generation %}{{ m['content'] | default('', true) }}{% endgeneration %}{% if loop.last %}{% break %}{% endif %}{% endfor %}",
    "{{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|join('__') }}",
    "{%- for m in messages + [{'role': '__last__'}] %}{{ m['role'] | replace('_', ' ') }}{%- endfor %}",
    "{{- strftime_now('%d %b %Y') if not date_string is defined else date_string -}}",
    "{% raw %}{{ x.__class__ }}{% endraw %}{{ messages[0].content }}{# {{ x.__class__ }} #}",
    "{{ messages[-1]['tool_calls'][0]['function']['name'].split('_')[0] }}",
  ]

  @Test("that are its own, as those of real templates", arguments: common.indices)
  func plain(_ index: Int) throws {
    let text = TemplateReachTests.common[index]
    #expect(try verdict(text) == .safe, "\(text)")
  }

  @Test("and ends on code that never ends")
  func depth() throws {
    for text in [
      "{{ " + String(repeating: "(", count: 100_000),
      "{{ a" + String(repeating: ".b", count: 100_000) + " }}",
      "{{ " + String(repeating: "not ", count: 100_000) + "a }}",
      String(repeating: "{% if a %}", count: 50_000), "{% endif %}", "{{ a b }}", "{% nothing %}",
    ] {
      #expect(try verdict(text) == .unknown)
    }
    #expect(try verdict("{{ " + String(repeating: "a + ", count: 100_000) + "a }}") == .safe)
  }
}
