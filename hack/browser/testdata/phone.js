// What the test does by way of the browser: each of phone's functions is one step of a user.
import { Inviter, Registerer, RegistererState, SessionState, UserAgent, Web } from "./sip.js/lib/index.js";

let agent, registerer, session, far;
const heard = []; // what came, in order

const state = (emitter, want) => new Promise((resolve) => {
  if (emitter.state === want) return resolve();
  const listener = (now) => {
    if (now !== want) return;
    emitter.stateChange.removeListener(listener);
    resolve();
  };
  emitter.stateChange.addListener(listener);
});

const connected = async () => {
  for (;;) {
    try {
      await agent.reconnect();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
};

const register = async () => {
  await registerer.register();
  await state(registerer, RegistererState.Registered);
};

// follow notes what becomes of a call.
const follow = (one) => {
  session = one;
  session.delegate = {
    onBye: (request) => { heard.push("BYE"); request.accept(); },
    onInvite: (request) => heard.push("INVITE " + request.body),
    onNotify: (notification) => { heard.push("NOTIFY " + notification.request.body.trim()); notification.accept(); },
  };
};

window.phone = {
  heard,

  // start registers the user, and again whenever the connection was over.
  async start(server, user, domain, password) {
    const uri = UserAgent.makeURI(`sip:${user}@${domain}`);
    agent = new UserAgent({
      uri, authorizationUsername: user, authorizationPassword: password, transportOptions: { server }, instanceIdAlwaysAdded: true,
      sessionDescriptionHandlerFactoryOptions: { iceGatheringTimeout: 500 }, logBuiltinEnabled: false,
      delegate: {
        onInvite: (invitation) => { heard.push("INVITE " + invitation.body); follow(invitation); },
        onDisconnect: async (error) => {
          if (!error) return;
          heard.push("disconnected");
          registerer = new Registerer(agent, { expires: 600 });
          await connected();
          await register();
          heard.push("registered");
        },
      },
    });
    registerer = new Registerer(agent, { expires: 600 });
    await agent.start();
    await register();
    return registerer.contacts[0];
  },

  ring: () => session.progress({ statusCode: 180 }),

  // early answers the offer before the call is answered (RFC 3261 13.2.1), with what is returned.
  async early() {
    await session.progress({ statusCode: 183 });
    return session.sessionDescriptionHandler.peerConnection.localDescription.sdp;
  },

  async answer() {
    await session.accept();
    await state(session, SessionState.Established);
    return session.sessionDescriptionHandler.peerConnection.localDescription.sdp;
  },

  // hold has the other end hear nothing any more, or again.
  hold: (on) => new Promise((resolve, reject) => session.invite({
    sessionDescriptionHandlerModifiers: on ? [Web.holdModifier] : [],
    requestDelegate: { onAccept: () => resolve(session.sessionDescriptionHandler.peerConnection.localDescription.sdp), onReject: (r) => reject(new Error(r.message.statusCode)) },
  })),

  // transfer has the other end call somebody else (RFC 3515).
  transfer: (target) => new Promise((resolve, reject) => session.refer(UserAgent.makeURI(target), {
    requestDelegate: { onAccept: (r) => resolve(r.message.statusCode), onReject: (r) => reject(new Error(r.message.statusCode)) },
  })),

  hangUp: () => new Promise((resolve, reject) => session.bye({
    requestDelegate: { onAccept: (r) => resolve(r.message.statusCode), onReject: (r) => reject(new Error(r.message.statusCode)) },
  })),

  over: () => state(session, SessionState.Terminated),

  async call(target) {
    const inviter = new Inviter(agent, UserAgent.makeURI(target), { earlyMedia: true });
    follow(inviter);
    await inviter.invite();
    await state(inviter, SessionState.Established);
    return inviter.sessionDescriptionHandler.peerConnection.localDescription.sdp;
  },

  // offer and answered are of a far end that can what a browser can: WebRTC asks for more than
  // other phones have.
  async offer() {
    far = new RTCPeerConnection();
    const media = await navigator.mediaDevices.getUserMedia({ audio: true });
    media.getTracks().forEach((track) => far.addTrack(track, media));
    await far.setLocalDescription(await far.createOffer());
    return far.localDescription.sdp;
  },
  answered: (sdp) => far.setRemoteDescription({ type: "answer", sdp }),

  async answerTo(sdp) {
    far = new RTCPeerConnection();
    await far.setRemoteDescription({ type: "offer", sdp });
    await far.setLocalDescription(await far.createAnswer());
    return far.localDescription.sdp;
  },
};
