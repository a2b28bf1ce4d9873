  // ---- orders: first what one would do, then the order itself
  const dialog = $("order");
  const KEEP_TOKEN_MS = 900000; // while nobody uses it
  let token = ""; // nowhere but here, and in the form while it is open
  let forgetting = null;
  let about = null; // what the form is about
  let tried = null; // the body that was tried, with its effect

  const field = (name) => $("order-" + name);
  const problem = (text) => setText(field("problem"), text === "" ? "" : "▲ " + text);
  const untried = () => {
    tried = null;
    field("do").hidden = true;
    field("effect").replaceChildren();
    problem("");
  };
  const open = (next, title, sentence) => {
    about = next;
    untried();
    setText($("order-title"), title);
    setText($("order-about"), sentence);
    for (const part of dialog.querySelectorAll(".giving")) part.hidden = next.lifts !== undefined;
    field("token").value = token;
    dialog.showModal();
  };
  const forClient = (client) => state.clients.length > 1 ? " (client " + client.status.client + ")" : "";
  const openGive = ({ client, endpoint }) => {
    const targets = [[{ endpoint: endpoint.name }, "endpoint " + endpoint.name]];
    if (endpoint.provider !== null) {
      if (endpoint.region !== null) targets.push([{ provider: endpoint.provider, region: endpoint.region }, "all of " + endpoint.provider + " " + endpoint.region]);
      targets.push([{ provider: endpoint.provider }, "all of provider " + endpoint.provider]);
    }
    field("target").replaceChildren(...targets.map(([, text], index) => make("option", { value: index }, text)));
    field("reason").value = "";
    open({ instance: state.instance, client: client.id, targets: targets.map(([target]) => target) },
      "An order for " + endpoint.name + forClient(client), "It binds this process only. Constraints of the client still bind.");
  };
  const openLift = ({ client, order }) => open({ instance: state.instance, client: client.id, lifts: order.number },
    "Lift order " + order.number + forClient(client), order.action + " " + order.selector + ": " + order.reason);

  const body = () => {
    const common = { instance: about.instance, client: about.client, by: field("by").value };
    if (about.lifts !== undefined) return { ...common, order: "lift", number: about.lifts };
    return { ...common, order: field("kind").value, selector: about.targets[Number(field("target").value)],
      reason: field("reason").value, for_s: Number(field("for").value) };
  };
  const send = async (asked) => {
    token = field("token").value;
    clearTimeout(forgetting);
    forgetting = setTimeout(() => { token = field("token").value = ""; }, KEEP_TOKEN_MS);
    const answer = await fetch(at("orders"), {
      method: "POST", cache: "no-store", redirect: "error", signal: AbortSignal.timeout(15000),
      headers: { "Authorization": "Bearer " + token, "Content-Type": "application/json" },
      body: JSON.stringify(asked),
    });
    if (answer.status === 401) token = "";
    return answer.json();
  };
  const showEffect = (proposal) => {
    const list = make("dl", { class: "figures" });
    const names = (all) => all.join(", ") || "nothing";
    terms(list, [
      ["Affected", names(proposal.affected), "wide"],
      ["Left for reads", names(proposal.left.reads), "wide"],
      ["Left for writes", names(proposal.left.writes), "wide"],
    ]);
    field("effect").replaceChildren(make("h3", {}, "What it would do now"), list,
      ...(proposal.refused === null ? [] : [make("p", { class: "alarm" }, "It would be refused: " + proposal.refused)]));
  };
  // A proposal that can be confirmed as it stands.
  const offer = (asked, proposal) => {
    showEffect(proposal);
    if (proposal.refused !== null) return;
    tried = { ...asked, dry_run: false, effect: proposal.effect };
    setText(field("do"), about.lifts === undefined ? "Give this order" : "Lift this order");
    field("do").hidden = false; // and without the focus: a second Enter gives no order
  };
  let busy = false;
  const ask = async (asked) => {
    if (busy) return;
    busy = true;
    const before = about;
    dialog.setAttribute("aria-busy", "true");
    untried();
    try {
      const said = await send(asked);
      if (about !== before || !dialog.open) return;
      if (said.proposal) offer({ ...asked, effect: undefined }, said.proposal);
      if (said.error) problem(said.message);
      dialog.querySelector(".buttons").scrollIntoView({ block: "nearest" });
      if (!said.error && !said.dry_run) { dialog.close(); poll(); }
    } catch {
      if (dialog.open) problem("No answer came. Look at the orders in force before you try again.");
    } finally {
      busy = false;
      dialog.removeAttribute("aria-busy");
    }
  };
  $("order-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const missing = [...dialog.querySelectorAll("input")].find((one) => one.checkVisibility() && one.value.trim() === "");
    for (const one of dialog.querySelectorAll("input")) one.toggleAttribute("aria-invalid", false);
    if (missing) {
      missing.setAttribute("aria-invalid", "true");
      problem("“" + missing.labels[0].textContent + "” is empty.");
      missing.focus();
      return;
    }
    ask({ ...body(), dry_run: true });
  });
  $("order-form").addEventListener("input", untried);
  field("do").addEventListener("click", () => { if (tried) ask(tried); });
  field("cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    if (dialog.open) return; // it is heard of late, and another form may be open by now
    about = null;
    field("token").value = "";
    untried();
  });

  const button = (text, act) => {
    const element = make("button", { type: "button" }, text);
    element.addEventListener("click", () => act(element.one));
    return element;
  };
  extra.endpoint = (item, one) => {
    if (!item.button) item.box.lastChild.append(item.button = button("Give an order …", openGive));
    item.button.one = one;
    item.button.setAttribute("aria-label", "Give an order … for " + one.endpoint.name);
  };
  extra.order = (item, one) => {
    if (!item.button) item.append(item.button = button("Lift …", openLift));
    item.button.one = one;
    item.button.setAttribute("aria-label", "Lift … order " + one.order.number + forClient(one.client));
  };
