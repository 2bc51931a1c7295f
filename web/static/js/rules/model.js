// The rule tree as the page holds it: groups and terms with places for what is not chosen yet. The server's tree
// (docs/rules.md) is made from it, leaving out whatever is unfinished; the server alone reads and writes rule text.

let lastId = 0;
const fresh = () => `n${(lastId += 1)}`;

export const COMPARED = ["=", "!=", "<", "<=", ">", ">="];
export const OPERATORS = {
  category: ["in", "not in", "=", "!=", "starts with", "not starts with", "missing", "not missing"],
  number: ["between", "not between", ...COMPARED, "in", "not in", "missing", "not missing"],
  date: [">=", "<=", "between", "not between", "=", "!=", "<", ">", "missing", "not missing"],
  bool: ["=", "missing", "not missing"],
  tags: ["has", "not has", "missing", "not missing"],
};

export const newGroup = (op = "and", items = []) => ({ id: fresh(), kind: "group", op, not: false, items });
export const newTerm = () => ({ id: fresh(), kind: "term", field: "", type: "", op: "", not: false });

// A server's tree as nodes; the root is always a group.
export function fromTree(tree) {
  const node = nodeOf(tree);
  if (node.kind === "group") return node;
  return node.op === "all" && !node.not ? newGroup() : newGroup("and", [node]);
}

function nodeOf(tree) {
  if (tree.op === "not") {
    const inner = nodeOf(tree.rule);
    inner.not = !inner.not;
    return inner;
  }
  if (tree.op === "and" || tree.op === "or") return newGroup(tree.op, tree.rules.map(nodeOf));
  return { ...newTerm(), ...structuredClone(tree) };
}

// The server's tree of a node, or null while nothing of it is finished.
export function toTree(node) {
  const plain = node.kind === "group" ? groupTree(node) : termTree(node);
  return plain && node.not ? { op: "not", rule: plain } : plain;
}

function groupTree(group) {
  const rules = group.items.map(toTree).filter(Boolean);
  if (!rules.length) return null;
  return rules.length === 1 ? rules[0] : { op: group.op, rules };
}

function termTree(term) {
  const { op, field } = term;
  if (op === "all") return { op };
  if (op === "segment") return term.segment ? { op, segment: term.segment } : null;
  if (op === "within") {
    if (!(term.km > 0)) return null;
    if (Number.isFinite(term.lat) && Number.isFinite(term.lon)) return { op, km: term.km, lat: term.lat, lon: term.lon };
    return term.postcode ? { op, km: term.km, postcode: term.postcode } : null;
  }
  if (!field || !op) return null;
  if (op === "missing") return { op, field };
  if (op === "between") return set(term.low) && set(term.high) ? { op, field, low: term.low, high: term.high } : null;
  if (op === "in") return term.values?.length ? { op, field, values: term.values } : null;
  return set(term.value) ? { op, field, value: term.value } : null;
}

const set = (value) => value !== undefined && value !== null && value !== "" && !Number.isNaN(value);

// Finished nodes from the top down, each with its tree; and the finished terms from left to right, as the server counts.
export function branches(root) {
  const found = [];
  walk(root, (node) => { const tree = toTree(node); if (tree) found.push({ node, tree }); });
  return found;
}
export const finishedTerms = (root) => branches(root).map((one) => one.node).filter((node) => node.kind === "term");
export function unfinished(root) {
  let number = 0;
  walk(root, (node) => { if (node.kind === "term" && !termTree(node)) number += 1; });
  return number;
}

export function walk(node, visit, parent = null) {
  visit(node, parent);
  for (const item of node.items ?? []) walk(item, visit, node);
}

export function parentOf(root, id) {
  let found = null;
  walk(root, (node, parent) => { if (node.id === id) found = parent; });
  return found;
}

// One step up (-1) or down (1) in the order of the page: into a group beside, out of the group at its end.
export function move(root, node, step) {
  const parent = parentOf(root, node.id);
  if (!parent) return;
  const at = parent.items.indexOf(node), beside = parent.items[at + step];
  if (!beside && parent === root) return;
  parent.items.splice(at, 1);
  if (beside?.kind === "group") beside.items.splice(step > 0 ? 0 : beside.items.length, 0, node);
  else if (beside) parent.items.splice(at + step, 0, node);
  else {
    const above = parentOf(root, parent.id);
    above.items.splice(above.items.indexOf(parent) + (step > 0 ? 1 : 0), 0, node);
  }
}

// Before another node, or (into) at the end of a group. A group never goes into itself.
export function place(root, node, target, into) {
  let inside = false;
  walk(node, (one) => { if (one === target) inside = true; });
  if (inside) return;
  const from = parentOf(root, node.id);
  from.items.splice(from.items.indexOf(node), 1);
  if (into) target.items.push(node);
  else { const home = parentOf(root, target.id); home.items.splice(home.items.indexOf(target), 0, node); }
}

export function remove(root, node) {
  const parent = parentOf(root, node.id);
  if (parent) parent.items.splice(parent.items.indexOf(node), 1);
}

// Put a node in a group of its own, of the other kind than its parent's, with room for a second condition.
export function enclose(root, node) {
  const parent = parentOf(root, node.id);
  const group = newGroup(parent.op === "and" ? "or" : "and", [node, newTerm()]);
  parent.items.splice(parent.items.indexOf(node), 1, group);
  return group.items[1];
}

// A field was chosen: the operator that suits it, and no value of another field.
export function choose(term, field) {
  for (const key of ["value", "values", "low", "high", "km", "postcode", "lat", "lon", "segment"]) delete term[key];
  term.not = false;
  term.field = field.name;
  term.type = field.type;
  term.op = field.op ?? OPERATORS[field.type][0];
  if (field.op) term.field = "";
  if (field.type === "bool") term.value = true;
  if (field.op === "within") term.km = 15;
}

export function setOperator(term, spoken) {
  term.not = spoken.startsWith("not ");
  const op = term.not ? spoken.slice(4) : spoken;
  const was = term.op, one = term.value ?? term.values?.[0] ?? term.low;
  term.op = op;
  if (op === "in") { if (was !== "in") term.values = set(one) ? [one] : []; delete term.value; }
  else if (op === "between") { if (was !== "between") { term.low = one; term.high = undefined; } delete term.value; delete term.values; }
  else if (op === "missing") { delete term.value; delete term.values; delete term.low; delete term.high; }
  else { if (!set(term.value)) term.value = one; delete term.values; delete term.low; delete term.high; }
}
