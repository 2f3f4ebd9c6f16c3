/** Signing in and out. */
import {
  type AccessService,
  AppError,
  localPath,
  type PageAnswer,
  type PageCall,
  type PageRoute,
  parseForm,
  sentenceOf,
  Type,
  type Viewer,
} from "jimv";
import { Button, Form, Notice, Password, Stack, TextInput } from "jimv/ui";

/** Bounds only: who signs in is told no rule about names or passwords. */
const SignIn = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 200 }),
  password: Type.String({ minLength: 1, maxLength: 1000 }),
  next: Type.Optional(Type.String({ maxLength: 2000 })),
});

export function signInPages(access: AccessService): PageRoute[] {
  return [
    {
      method: "GET",
      path: "/sign-in",
      role: "anyone",
      async handle({ url, viewer }) {
        const next = localPath(url.searchParams.get("next"));
        if (access.isSignedIn(viewer)) return { redirect: next };
        if (!(await access.hasPeople())) return { redirect: "/set-up" };
        return page(viewer, { name: "", next, problem: null }, 200);
      },
    },
    {
      method: "POST",
      path: "/sign-in",
      role: "anyone",
      handle: (call) => signIn(access, call),
    },
    {
      method: "POST",
      path: "/sign-out",
      role: "reader",
      handle: async ({ request }) => ({ redirect: "/sign-in", headers: await access.signOut(request) }),
    },
  ];
}

async function signIn(access: AccessService, call: PageCall): Promise<PageAnswer> {
  const { viewer, form, partial } = call;
  const next = localPath(typeof form.next === "string" ? form.next : null);
  const name = typeof form.name === "string" ? form.name : "";
  const refuse = (problem: string, status: number, headers: Record<string, string> = {}): PageAnswer => {
    const state = { name, next, problem };
    // A form asks htmx to be replaced at 422 alone.
    return partial
      ? { fragment: <SignInForm viewer={viewer} state={state} />, status: 422 }
      : { ...page(viewer, state, status), headers };
  };
  const parsed = parseForm(SignIn, form);
  if (!parsed.ok) return refuse(viewer.say("access.wrongPassword"), 422);
  try {
    const { headers } = await access.signIn(call, parsed.value.name, parsed.value.password);
    return { redirect: next, headers };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { seconds } = error.args;
    const headers = seconds === undefined ? {} : { "retry-after": String(seconds) };
    return refuse(sentenceOf(error, viewer.say), error.status, headers);
  }
}

interface State {
  name: string;
  next: string;
  problem: string | null;
}

const page = (viewer: Viewer, state: State, status: number) => ({
  page: (
    <Stack>
      <h1>{viewer.say("access.signIn.title")}</h1>
      <SignInForm viewer={viewer} state={state} />
    </Stack>
  ),
  title: viewer.say("access.signIn.title"),
  frame: "narrow" as const,
  status,
});

function SignInForm({ viewer, state }: { viewer: Viewer; state: State }) {
  const { say, language } = viewer;
  return (
    <Form id="sign-in" action="/sign-in">
      {state.problem ? <Notice tone="bad">{state.problem}</Notice> : null}
      <input type="hidden" name="next" value={state.next} />
      <TextInput
        name="name"
        label={say("access.signIn.name")}
        value={state.name}
        autocomplete="username"
        required
        autofocus={state.name === ""}
      />
      <Password
        lang={language}
        name="password"
        label={say("access.signIn.password")}
        autocomplete="current-password"
        required
        autofocus={state.name !== ""}
      />
      <Button kind="primary" type="submit">
        {say("access.signIn.title")}
      </Button>
    </Form>
  );
}
