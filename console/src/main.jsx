// The console: a view for each question that somebody has who runs the server.

import { render } from "preact";
import { useEffect } from "preact/hooks";
import { Connections } from "./connections.jsx";
import { Overview } from "./overview.jsx";
import { link, route } from "./route.js";
import { keepToken, signIn, token } from "./server.js";
import { SignIn } from "./sign-in.jsx";
import { Stream } from "./stream.jsx";
import { Streams } from "./streams.jsx";

const VIEWS = { overview: "Overview", streams: "Streams", connections: "Connections" };

function App() {
  const { view, name } = route.value;
  const words = name ?? VIEWS[view] ?? "";
  useEffect(() => {
    document.title = words === "" ? "tidings console" : `${words} · tidings console`;
  }, [words]);
  if (signIn.value !== null) return <SignIn />;
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        To the view
      </a>
      <header>
        <b class="brand">tidings</b>
        <nav aria-label="Views">
          {Object.entries(VIEWS).map(([one, title]) => (
            <a key={one} href={link(one)} aria-current={isIn(view, one) ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        {token.value !== "" && (
          <button type="button" class="quiet" onClick={() => keepToken("")}>
            Sign out
          </button>
        )}
      </header>
      {/* Another token sees everything anew. */}
      <main id="main" tabIndex={-1} key={token.value}>
        <View view={view} name={name} />
      </main>
    </>
  );
}

function View({ view, name }) {
  if (view === "stream" && name !== undefined) return <Stream key={name} name={name} />;
  if (view === "streams") return <Streams />;
  if (view === "connections") return <Connections />;
  if (view === "overview") return <Overview />;
  return <p class="empty">There is no such view.</p>;
}

function isIn(view, one) {
  return view === one || (view === "stream" && one === "streams");
}

/** The fragment is the view's: the focus moves without it. */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

render(<App />, document.getElementById("console"));
