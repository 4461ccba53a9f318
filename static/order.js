// Adds and removes lines in place; without this file the same buttons ask the server.
// Browsers bring back what was typed when one goes back, but not lines that were added, so
// the lines are kept in this page's entry of the history.
const lines = document.getElementById("lines");
const blank = document.getElementById("blank-line");
const add = document.getElementById("add-line");
const full = document.getElementById("full");
const most = Number(lines.dataset.most);
let next = lines.children.length;

function renumber() {
  [...lines.children].forEach((line, at) => {
    for (const number of line.querySelectorAll(".number")) number.textContent = at + 1;
  });
  add.disabled = lines.children.length >= most;
  full.hidden = !add.disabled;
}

const numberOf = (line) => Number(line.querySelector("[name=remove_line]").value);
const inputsOf = (line) => [...line.querySelectorAll("input")];

function addLine(number) {
  const line = blank.content.firstElementChild.cloneNode(true);
  for (const element of line.querySelectorAll("[id], [name], [for]")) {
    for (const name of ["id", "name", "for", "aria-describedby"]) {
      const value = element.getAttribute(name);
      if (value) element.setAttribute(name, value.replace("items-new", `items-${number}`));
    }
  }
  line.querySelector("[name=remove_line]").value = number;
  next = Math.max(next, number + 1);
  lines.append(line);
  return line;
}

function keep() {
  const typed = [...lines.children].map((line) => ({
    number: numberOf(line),
    values: inputsOf(line).map((input) => input.value),
  }));
  try {
    history.replaceState({ lines: typed }, "");
  } catch {
    // The browser allows only so many in a while; the next one is kept.
  }
}

function restore() {
  const kept = history.state?.lines;
  if (!kept) return;
  const before = new Map([...lines.children].map((line) => [numberOf(line), line]));
  lines.replaceChildren();
  for (const { number, values } of kept) {
    const line = before.get(number) ?? addLine(number);
    lines.append(line);
    inputsOf(line).forEach((input, at) => { input.value = values[at]; });
  }
}

add.addEventListener("click", (event) => {
  event.preventDefault();
  if (lines.children.length >= most) return;
  const line = addLine(next);
  renumber();
  keep();
  line.querySelector("input").focus();
});

lines.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=remove_line]");
  if (!button) return;
  event.preventDefault();
  const line = button.closest("fieldset");
  if (lines.children.length === 1) {
    for (const input of line.querySelectorAll("input")) input.value = "";
  } else {
    (line.previousElementSibling ?? line.nextElementSibling).querySelector("input").focus();
    line.remove();
  }
  renumber();
  keep();
});

// The server adds up again; this only shows what it will come to, in whole cents.
function centsOf(line) {
  const quantity = line.querySelector("[name$=quantity]").value.trim();
  const price = line.querySelector("[name$=unit_price]").value.trim();
  if (!/^[0-9]{1,5}$/.test(quantity) || !/^[0-9]{1,9}([.,][0-9]{1,2})?$/.test(price)) return 0n;
  const [whole, part = ""] = price.split(/[.,]/);
  return BigInt(quantity) * BigInt(whole + part.padEnd(2, "0"));
}

const total = document.getElementById("total");
const currency = document.querySelector("[name=currency]");

function showTotal() {
  const cents = [...lines.children].reduce((sum, line) => sum + centsOf(line), 0n);
  const digits = String(cents).padStart(3, "0");
  const amount = document.createElement("strong");
  amount.textContent = `${digits.slice(0, -2)}.${digits.slice(-2)}`;
  total.replaceChildren(...(cents ? ["Total ", amount, ` ${currency.value}`] : []));
}

const form = document.querySelector("main form");
form.addEventListener("input", showTotal);
form.addEventListener("change", keep);
form.addEventListener("submit", keep);
lines.addEventListener("click", showTotal);
window.addEventListener("pageshow", showTotal);
restore();
renumber();
showTotal();
