# SPDX-FileCopyrightText: 2026 The elmo4j authors
# SPDX-License-Identifier: Apache-2.0
#
# Makes spans from UD's trees. Reads a CoNLL-U file and prints a token and its BIO label on each line.
#   kind=names (default): B-NAME, I-NAME: adjacent proper nouns that the tree joins.
#   kind=phrases: B-NP, I-NP: a noun with the adjacent determiners, adjectives, numbers and nouns that
#   the tree joins to it, without phrases that follow it, such as prepositional phrases.
# These spans come from the trees. They are not annotated entities, since UD has no entity types.
#
#   awk -v kind=names -f spans.awk en_ewt-ud-dev.conllu > dev.conll
BEGIN { FS = "\t" }

function root(i) {
  while (group[i] != i) i = group[i]
  return i
}

function joins(i) {
  if (!(head[i] in form)) return 0
  if (kind == "phrases") return relation[i] ~ /^(det|det:predet|amod|nummod|compound|flat|nmod:poss|nmod:desc)$/
  return pos[i] == "PROPN" && pos[head[i]] == "PROPN" && relation[i] ~ /^(flat|compound|appos|nmod)/
}

function sentence(   i, label, before) {
  for (i = 1; i <= n; i++) {
    group[i] = i
    inside[i] = kind == "phrases" ? pos[i] ~ /^(NOUN|PROPN)$/ : pos[i] == "PROPN"
  }
  for (i = 1; i <= n; i++) {
    if (joins(i)) {
      group[root(i)] = root(head[i])
      # What is joined to a noun belongs to it, whatever it is.
      if (kind == "phrases" && pos[head[i]] ~ /^(NOUN|PROPN)$/) inside[i] = 1
    }
  }
  before = 0
  for (i = 1; i <= n; i++) {
    label = "O"
    if (inside[i]) label = (before && root(before) == root(i) ? "I-" : "B-") (kind == "phrases" ? "NP" : "NAME")
    print form[i], label
    before = inside[i] ? i : 0
  }
  if (n) print ""
  n = 0
  delete form
}

/^#/ { next }
/^$/ { sentence(); next }
$1 ~ /^[0-9]+$/ {
  n = $1
  gsub(/ /, "_", $2)
  form[n] = $2
  pos[n] = $4
  head[n] = $7
  relation[n] = $8
}
END { sentence() }
