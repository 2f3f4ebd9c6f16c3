# Flattens the YAML that seeds are written in (block maps and lists, flow maps and lists, so JSON too, the three kinds
# of scalar, block texts) to lines `path TAB value`. A block text comes out as its lines, path.0, path.1 and so on.
function trim(s) { sub(/^[ \t]+/, "", s); sub(/[ \t]+$/, "", s); return s }
function join_path(a, b) { return a == "" ? b : a "." b }
function put(path, value) { if (path != "") print path "\t" value }

# One code point as UTF-8.
function utf8(n) {
  if (n < 128) return sprintf("%c", n)
  if (n < 2048) return sprintf("%c%c", 192 + int(n / 64), 128 + n % 64)
  if (n < 65536) return sprintf("%c%c%c", 224 + int(n / 4096), 128 + int(n / 64) % 64, 128 + n % 64)
  return sprintf("%c%c%c%c", 240 + int(n / 262144), 128 + int(n / 4096) % 64, 128 + int(n / 64) % 64, 128 + n % 64)
}
function hex(s,   i, n) {
  n = 0
  s = tolower(s)
  for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
  return n
}

# Flow style: F is the text, P the place in it.
function blank() { while (substr(F, P, 1) ~ /[ \t\n]/ && P <= length(F)) P++ }
function quoted(   q, out, c, n) {
  q = substr(F, P++, 1)
  out = ""
  while (P <= length(F)) {
    c = substr(F, P++, 1)
    if (c == q) {
      if (q == "'" && substr(F, P, 1) == "'") { out = out "'"; P++; continue }
      return out
    }
    if (c == "\\" && q == "\"") {
      c = substr(F, P++, 1)
      if (c == "n") c = "\n"
      else if (c == "t") c = "\t"
      else if (c == "r") c = "\r"
      else if (c == "u") {
        n = hex(substr(F, P, 4))
        P += 4
        if (n >= 55296 && n < 56320 && substr(F, P, 2) == "\\u") {
          n = 65536 + (n - 55296) * 1024 + hex(substr(F, P + 2, 4)) - 56320
          P += 6
        }
        c = utf8(n)
      }
    }
    out = out c
  }
  return out
}
function plain(stop,   from) {
  from = P
  while (P <= length(F) && index(stop, substr(F, P, 1)) == 0) P++
  return trim(substr(F, from, P - from))
}
function flow(path,   c, n, key) {
  blank()
  c = substr(F, P, 1)
  if (c == "{") {
    P++
    for (blank(); P <= length(F) && substr(F, P, 1) != "}"; blank()) {
      c = substr(F, P, 1)
      key = (c == "\"" || c == "'") ? quoted() : plain(":,}")
      blank()
      if (substr(F, P, 1) == ":") { P++; flow(join_path(path, key)) }
      blank()
      if (substr(F, P, 1) == ",") P++
    }
    P++
  } else if (c == "[") {
    P++
    n = 0
    for (blank(); P <= length(F) && substr(F, P, 1) != "]"; blank()) {
      flow(join_path(path, n++))
      blank()
      if (substr(F, P, 1) == ",") P++
    }
    P++
  } else if (c == "\"" || c == "'") put(path, quoted())
  else put(path, plain(",]}\n"))
}
# How many brackets stand open outside of quotes.
function open_brackets(s,   i, c, q, n) {
  q = ""
  n = 0
  for (i = 1; i <= length(s); i++) {
    c = substr(s, i, 1)
    if (q != "") { if (c == "\\" && q == "\"") i++; else if (c == q) q = "" }
    else if (c == "\"" || c == "'") q = c
    else if (c == "{" || c == "[") n++
    else if (c == "}" || c == "]") n--
  }
  return n
}
function scalar(path, s,   more) {
  if (s ~ /^[{\[]/) {
    while (open_brackets(s) > 0 && (getline more) > 0) s = s "\n" more
    F = s; P = 1; flow(path)
  } else if (s ~ /^["']/) { F = s; P = 1; put(path, quoted()) }
  else { sub(/[ \t]+#.*$/, "", s); put(path, trim(s)) }
}

# Block style: a stack of open maps and lists, each with its indent, kind, path and the path that waits for a value.
function push(at, kind, path) { depth++; at_[depth] = at; kind_[depth] = kind; path_[depth] = path; count_[depth] = 0; wait_[depth] = "" }
function is_key(s) { return s ~ /^("[^"]*"|'[^']*'|[^"'{\[#][^:]*):([ \t]|$)/ }
function value_at(path, at, s) {
  if (s == "") { wait_[depth] = path; return }
  wait_[depth] = ""
  if (s ~ /^[|>][-+0-9]*$/) { text_path = path; text_at = at; text_line = 0; return }
  scalar(path, s)
}
function line(at, s,   rest, key, where) {
  if (s ~ /^-([ \t]|$)/) {
    while (depth > 0 && (at_[depth] > at || (at_[depth] == at && kind_[depth] == "map" && wait_[depth] == ""))) depth--
    if (depth == 0 || kind_[depth] != "list" || at_[depth] != at) push(at, "list", depth == 0 ? "" : wait_[depth])
    where = join_path(path_[depth], count_[depth]++)
    rest = substr(s, 2)
    at += 1 + match(rest, /[^ \t]/) - (match(rest, /[^ \t]/) > 0 ? 1 : 0)
    rest = trim(rest)
    if (is_key(rest)) { push(at, "map", where); line(at, rest) }
    else value_at(where, at_[depth], rest)
    return
  }
  if (!is_key(s)) { scalar(depth == 0 ? "" : wait_[depth], s); return }
  while (depth > 0 && (at_[depth] > at || (at_[depth] == at && kind_[depth] == "list"))) depth--
  if (depth == 0 || at_[depth] < at) push(at, "map", depth == 0 ? "" : wait_[depth])
  if (s ~ /^["']/) { F = s; P = 1; key = quoted(); rest = substr(F, P) }
  else { key = trim(substr(s, 1, match(s, /:([ \t]|$)/) - 1)); rest = substr(s, match(s, /:([ \t]|$)/)) }
  sub(/^[ \t]*:/, "", rest)
  value_at(join_path(path_[depth], key), at, trim(rest))
}
BEGIN { depth = 0; text_path = "" }
{
  sub(/\r$/, "")
  match($0, /^ */)
  at = RLENGTH
  s = substr($0, at + 1)
  if (text_path != "") {
    if (s == "") next
    if (at > text_at) { put(text_path "." text_line++, s); next }
    text_path = ""
  }
  if (s == "" || s ~ /^#/ || s ~ /^---/) next
  line(at, trim(s))
}
