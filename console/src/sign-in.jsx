// Asks who looks, where the server has rules.

import { useState } from "preact/hooks";
import { keepToken, signIn, token } from "./server.js";

export function SignIn() {
  const [text, setText] = useState("");
  return (
    <main class="sign-in" id="main">
      <h1>tidings console</h1>
      <p>
        {token.value === ""
          ? "This server has rules. The console is for administrators: a token or an API key with the right `admin` on `**`."
          : `This token does not do: ${signIn.value}`}
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          keepToken(text.trim());
        }}
      >
        <label for="token">Token or API key</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          autofocus
          required
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button>Look</button>
      </form>
      <p>
        <small>It is kept in this tab until it is closed, and sent to this server only, as a header. In the settings:</small>
      </p>
      <pre>
        <code>{'[[keys]]\nname = "night watch"\nhash = "sha256:…"\nadmin = ["**"]\nread = ["**"]'}</code>
      </pre>
    </main>
  );
}
