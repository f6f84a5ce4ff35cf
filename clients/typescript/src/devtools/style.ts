/** How the overlay looks: apart from the page by its shadow root, light or dark as the system is. */

export const STYLE = `
:host {
  all: initial; position: fixed; inset: auto 12px 12px auto; z-index: 2147483647; color-scheme: light dark;
  --paper: light-dark(#fff, #16181d); --ink: light-dark(#16181d, #eceef2); --soft: light-dark(#5b6270, #9aa3b2);
  --line: light-dark(#dfe3ea, #2c313b); --live: light-dark(#0a7f4f, #3ddc97); --wait: light-dark(#a15c00, #f3b04b); --bad: light-dark(#b3261e, #ff8a80);
  font: 13px/1.45 system-ui, sans-serif; color: var(--ink);
}
* { box-sizing: border-box; margin: 0; }
:focus-visible { outline: 2px solid var(--live); outline-offset: 2px; }
.pill {
  display: flex; align-items: center; gap: 7px; margin-left: auto; padding: 6px 12px; font: inherit; font-weight: 600; cursor: pointer;
  color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 999px; box-shadow: 0 2px 10px #0003;
}
.dot { width: 9px; height: 9px; border-radius: 50%; background: var(--soft); }
.dot.live { background: var(--live); } .dot.connecting, .dot.waiting { background: var(--wait); } .dot.failed, .dot.closed { background: var(--bad); }
.panel {
  width: min(440px, calc(100vw - 24px)); max-height: min(560px, calc(100vh - 80px)); overflow: auto; margin-bottom: 8px; padding: 14px 16px;
  background: var(--paper); border: 1px solid var(--line); border-radius: 12px; box-shadow: 0 8px 30px #0004;
}
.panel[hidden] { display: none; }
.panel:focus { outline: none; }
header { display: flex; gap: 10px; align-items: baseline; }
h2 { font-size: 14px; } h3 { margin: 12px 0 4px; font-size: 12px; font-weight: 600; color: var(--soft); }
.status { flex: 1; text-align: right; overflow-wrap: anywhere; }
fieldset { display: flex; margin: 10px 0 12px; padding: 2px; border: 1px solid var(--line); border-radius: 8px; }
legend { position: absolute; clip-path: inset(50%); }
fieldset label { flex: 1; cursor: pointer; }
fieldset input { position: absolute; opacity: 0; }
fieldset span { display: block; padding: 3px 4px; border-radius: 6px; text-align: center; white-space: nowrap; }
fieldset :checked + span { color: var(--paper); background: var(--ink); font-weight: 600; }
fieldset :focus-visible + span { outline: 2px solid var(--live); outline-offset: 1px; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th { text-align: left; font-size: 12px; font-weight: 600; color: var(--soft); }
th, td { padding: 3px 8px 3px 0; border-bottom: 1px solid var(--line); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
th:nth-child(2) { width: 104px; }
th:last-child, td:last-child { width: 84px; padding-right: 0; text-align: right; }
.offset { font-family: ui-monospace, monospace; font-size: 12px; }
ol { padding: 0; list-style: none; }
li { display: grid; grid-template-columns: 68px 1fr 1.3fr; gap: 8px; align-items: center; padding: 1px 0; }
.track { position: relative; height: 9px; border-radius: 3px; background: var(--line); overflow: hidden; }
.track i { position: absolute; top: 0; bottom: 0; }
.pending { background: var(--wait); } .open { background: var(--live); } .over { background: color-mix(in srgb, var(--live) 45%, var(--line)); }
.words { overflow: hidden; color: var(--soft); font-size: 12px; text-overflow: ellipsis; white-space: nowrap; }
.quiet { margin-top: 8px; color: var(--soft); font-size: 12px; }
`;
