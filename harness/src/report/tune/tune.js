// Nothing is drawn by a script here: it changes colours, and no more.
listenToTheme(() => {});
